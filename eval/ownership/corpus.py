"""The fixed texts of the simulations, as token ids of an owner's tokenizer. Knows no keys.

corpus.json says where they come from. They were fixed before any key was drawn, as null A asks.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from sif.ownership.null import HypergeometricNull
from sif.watermark.greenlist.count import distinct_ids
from sif.watermark.greenlist.mask import green_size

CORPUS: Final = Path(__file__).parent / "corpus.json"
OWNER: Final = "llava-source"
SIBLING: Final = "llava-sibling"
ENGLISH: Final = "english"
GAMMA: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSet:
    """Answers of one model (or author), in the order of the triggers.

    Attributes:
        name: of the model.
        vocabulary_size: V, ids of the owner's tokenizer.
        texts: ids of every answer, in the order of writing, repetitions included.
    """

    name: str
    vocabulary_size: int
    texts: tuple[tuple[int, ...], ...]

    @property
    def distinct(self) -> tuple[frozenset[int], ...]:
        """The ids that are scored: each once a text."""
        return tuple(distinct_ids([text]) for text in self.texts)

    @property
    def sizes(self) -> tuple[int, ...]:
        """u, the number of distinct ids of every text."""
        return tuple(len(ids) for ids in self.distinct)

    @property
    def null(self) -> HypergeometricNull:
        """Of one text's green count, at γ = 1/2."""
        size = self.vocabulary_size
        return HypergeometricNull(vocabulary_size=size, green_size=green_size(size, GAMMA))

    @property
    def counts(self) -> Float[np.ndarray, "texts vocab"]:
        """How often each id stands in each text."""
        table = np.zeros((len(self.texts), self.vocabulary_size), dtype=np.float32)
        for row, text in zip(table, self.texts, strict=True):
            np.add.at(row, list(text), 1.0)
        return table

    def first(self, number: int) -> "TextSet":
        """The same with fewer texts."""
        return TextSet(
            name=self.name, vocabulary_size=self.vocabulary_size, texts=self.texts[:number]
        )


@cache
def load_corpus() -> dict[str, TextSet]:
    """All sets, by name."""
    content = json.loads(CORPUS.read_text(encoding="utf-8"))
    return {
        some["name"]: TextSet(
            name=some["name"],
            vocabulary_size=some["vocabulary_size"],
            texts=tuple(tuple(text) for text in some["texts"]),
        )
        for some in content["sets"]
    }
