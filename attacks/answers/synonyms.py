"""Words replaced by others of a dictionary: by any of their group, or all by its plainest.

Capitals are kept. Only the dictionary decides what may replace what; a sentence may suffer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from sif.attacks.answers.attack import AnswerAttack, Occasion, some_of
from sif.attacks.answers.thesaurus import Thesaurus
from sif.attacks.answers.wording import quoted
from sif.attacks.strength import Strength

REPLACED: Final = Strength(
    attack="synonyms",
    noun="share of known words replaced",
    low=0,
    high=1,
    example="synonyms:0.3",
)
PLAINER: Final = Strength(
    attack="translate",
    noun="share of known words made plain",
    low=0,
    high=1,
    example="translate:1@mini-world",
)
WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_DEFAULT: Final = "english"

Choose = Callable[[str, tuple[str, ...], np.random.Generator], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Synonyms(AnswerAttack):
    """Replaces some words, drawn at random, by another of their group, drawn at random.

    Of n words that the dictionary knows, round(share · n) are replaced.

    Attributes:
        share: of the known words, 0 to 1; 0 changes nothing.
        thesaurus: what may replace what.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float
    thesaurus: Thesaurus

    def __post_init__(self) -> None:
        REPLACED.check(self.share)

    def __str__(self) -> str:
        return REPLACED.text(self.share) + _source(self.thesaurus)

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same sentences in other words."""
        return _reworded(text, self.thesaurus, self.share, occasion.rng(str(self)), _another)


@dataclass(frozen=True, slots=True, kw_only=True)
class Translate(AnswerAttack):
    """Replaces some words, drawn at random, by the plainest of their group.

    What is left by a translation there and back through a language with one word for each meaning:
    facts stay, and with share 1 no choice among interchangeable words is left.

    Attributes:
        share: of the known words, 0 to 1; 0 changes nothing.
        thesaurus: what may replace what.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float
    thesaurus: Thesaurus

    def __post_init__(self) -> None:
        PLAINER.check(self.share)

    def __str__(self) -> str:
        return PLAINER.text(self.share) + _source(self.thesaurus)

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same sentences in plainer words."""
        return _reworded(text, self.thesaurus, self.share, occasion.rng(str(self)), _plainest)


def like(model: str, word: str) -> str:
    """The word with capitals where the model has them."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


def _reworded(
    text: str, thesaurus: Thesaurus, share: int | float, rng: np.random.Generator, choose: Choose
) -> str:
    known = [match for match in WORD.finditer(text) if len(thesaurus.group(match.group())) > 1]
    chosen = some_of(range(len(known)), share, rng)
    words = [choose(known[i].group(), thesaurus.group(known[i].group()), rng) for i in chosen]
    for index, word in zip(reversed(chosen), reversed(words), strict=True):
        start, end = known[index].span()
        text = text[:start] + like(text[start:end], word) + text[end:]
    return text


def _another(word: str, group: tuple[str, ...], rng: np.random.Generator) -> str:
    others = [other for other in group if other != word.lower()]
    return others[int(rng.integers(len(others)))]


def _plainest(word: str, group: tuple[str, ...], rng: np.random.Generator) -> str:
    return group[0]


def _source(thesaurus: Thesaurus) -> str:
    match thesaurus.name.split():
        case [name] if name == _DEFAULT:
            return ""
        case [name]:
            return f"@{name}"
        case _:
            return f"@{quoted(thesaurus.name)}"
