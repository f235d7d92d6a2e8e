"""Words replaced by others of a dictionary: by any of their group, or all by its plainest.

Capitals are kept. Only the dictionary decides what may replace what; a sentence may suffer.
Knows no grammar.
"""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, final

import numpy as np

from sif.attacks.answers.attack import AnswerAttack, Occasion, some_of
from sif.attacks.answers.quoting import quoted
from sif.attacks.answers.thesaurus import Thesaurus
from sif.attacks.strength import Strength

WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
DEFAULT: Final = "english"

Span = tuple[int, int]
Group = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDictionary(AnswerAttack):
    """Replaces some words, drawn at random, within their groups.

    Of n words that the dictionary knows, round(share · n) are replaced.

    Attributes:
        share: of the known words, 0 to 1; 0 changes nothing.
        thesaurus: what may replace what.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar[Strength]

    share: int | float
    thesaurus: Thesaurus

    def __post_init__(self) -> None:
        self.strength.check(self.share)

    @final
    def __str__(self) -> str:
        return self.strength.text(self.share) + _source(self.thesaurus)

    @final
    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same sentences in other words."""
        rng = occasion.rng(str(self))
        words = [(match.span(), match.group()) for match in WORD.finditer(text)]
        known = [one for one in words if len(self.thesaurus.group(one[1])) > 1]
        chosen = [known[index] for index in some_of(range(len(known)), self.share, rng)]
        others = [self._choose(word, self.thesaurus.group(word), rng) for _span, word in chosen]
        return replaced(text, [span for span, _word in chosen], others)

    @abstractmethod
    def _choose(self, word: str, group: Group, rng: np.random.Generator) -> str:
        """What replaces a word of a group of two or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synonyms(ByDictionary):
    """Replaces some words, drawn at random, by another of their group, drawn at random.

    Of n words that the dictionary knows, round(share · n) are replaced.

    Attributes:
        share: of the known words, 0 to 1; 0 changes nothing.
        thesaurus: what may replace what.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="synonyms",
        noun="share of known words replaced",
        low=0,
        high=1,
        example="synonyms:0.3",
    )

    def _choose(self, word: str, group: Group, rng: np.random.Generator) -> str:
        others = [other for other in group if other != word.lower()]
        return others[int(rng.integers(len(others)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Translate(ByDictionary):
    """Replaces some words, drawn at random, by the plainest of their group.

    What is left by a translation there and back through a language with one word for each meaning:
    facts stay, and with share 1 no choice among interchangeable words is left.

    Attributes:
        share: of the known words, 0 to 1; 0 changes nothing.
        thesaurus: what may replace what.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="translate",
        noun="share of known words made plain",
        low=0,
        high=1,
        example="translate:1@mini-world",
    )

    def _choose(self, word: str, group: Group, rng: np.random.Generator) -> str:
        return group[0]


def replaced(text: str, spans: Sequence[Span], words: Sequence[str | None]) -> str:
    """Other words in some places, with the capitals of those that stood there; None leaves a place.

    Args:
        text: an answer.
        spans: the places, ascending.
        words: one for each.
    """
    for (start, end), word in zip(reversed(spans), reversed(words), strict=True):
        if word is not None:
            text = text[:start] + _like(text[start:end], word) + text[end:]
    return text


def _like(model: str, word: str) -> str:
    """The word with capitals where the model has them."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


def _source(thesaurus: Thesaurus) -> str:
    match thesaurus.name.split():
        case [name] if name == DEFAULT:
            return ""
        case [name]:
            return f"@{name}"
        case _:
            return f"@{quoted(thesaurus.name)}"
