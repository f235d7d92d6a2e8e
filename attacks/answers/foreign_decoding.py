"""A provider's watermark in decoding, with a key that is not the owner's.

A constant green list (bias δ), a list that depends on the word before (lefthash), or Gumbel-max
draws keyed by the words before. Serving engines mark text so; it was written without the owner's
keys, which are uniform, so null A holds for it as for any other text. Knows nothing of suspects.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sif.watermark.greenlist.bias import bias_logits
from sif.watermark.greenlist.mask import green_mask

FOREIGN_KEY: Final = hashlib.sha256(b"another party's key").digest()
GAMMA: Final = 0.5


@dataclass(frozen=True, slots=True)
class Mark:
    """A provider's watermark.

    Attributes:
        kind: constant green list, a list for each preceding word, or Gumbel-max.
        strength: the bias δ; of a Gumbel-max mark the number of preceding words in its seed, 0 for
            the same draws at every position.
    """

    kind: str
    strength: float

    def __str__(self) -> str:
        """As in the tables."""
        if self.kind == "Gumbel-max":
            return f"Gumbel-max, {self.strength:.0f} words of context"
        return f"{self.kind}, δ = {self.strength:g}" if self.strength else "none"


@dataclass(frozen=True)
class ProviderHook:
    """Changes next-token logits as the provider's engine does, and remembers nothing.

    Attributes:
        mark: the watermark.
        vocabulary_size: ids that it knows.
    """

    mark: Mark
    vocabulary_size: int

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        """The logits of the marked distribution."""
        rows = [self._marked(row.tolist(), scores) for row, scores in zip(ids, logits, strict=True)]
        return torch.stack(rows)

    def _marked(
        self, ids: Sequence[int], logits: Float[Tensor, " vocab"]
    ) -> Float[Tensor, " vocab"]:
        if self.mark.kind != "Gumbel-max":
            mask = (
                self.green(ids[-1]) if self.mark.strength else np.zeros(self.vocabulary_size, bool)
            )
            return bias_logits(logits, torch.from_numpy(mask), self.mark.strength)
        noise = np.full(len(logits), -np.inf)
        noise[: self.vocabulary_size] = -np.log(-np.log(self.uniform(ids)))
        chosen = (logits.log_softmax(-1) + torch.from_numpy(noise).to(logits)).argmax()
        return torch.full_like(logits, -torch.inf).index_fill(0, chosen, 0.0)

    def green(self, previous: int) -> np.ndarray:
        """The provider's green ids after a word."""
        seed = FOREIGN_KEY if self.mark.kind == "constant list" else _seed([previous])
        return green_mask(seed, vocabulary_size=self.vocabulary_size, gamma=GAMMA)

    def uniform(self, ids: Sequence[int]) -> Float[np.ndarray, " vocab"]:
        """The provider's keyed uniform numbers after these words."""
        seed = _seed(ids[len(ids) - self._width :])
        stream = hashlib.shake_256(seed).digest(8 * self.vocabulary_size)
        return np.asarray((np.frombuffer(stream, dtype="<u8") + 0.5) / 2.0**64)

    def score(self, texts: Sequence[Sequence[int]]) -> float:
        """Standard score of the mark over all tokens, read with the provider's own key."""
        gains = [gain for text in texts for gain in self._gains(text)]
        return float(np.sum(gains) / np.sqrt(len(gains)))

    def _gains(self, ids: Sequence[int]) -> Iterator[float]:
        """What each token with its whole context in the answer adds: without the mark 0 on average.

        Its variance is then 1, that of a fair sign, or of an exponential number.
        """
        for place in range(self._width, len(ids)):
            if self.mark.kind == "Gumbel-max":
                yield float(-np.log1p(-self.uniform(ids[:place])[ids[place]])) - 1
            else:
                yield float(self.green(ids[place - 1])[ids[place]]) * 2 - 1

    @property
    def _width(self) -> int:
        """Preceding words that the seed takes in."""
        if self.mark.kind == "Gumbel-max":
            return int(self.mark.strength)
        return 0 if self.mark.kind == "constant list" else 1


def _seed(ids: Sequence[int]) -> bytes:
    text = " ".join(map(str, ids)).encode()
    return hashlib.sha256(FOREIGN_KEY + b"|" + text).digest()
