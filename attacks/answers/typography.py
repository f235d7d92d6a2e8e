"""Changes that leave every word: capital letters, and punctuation taken out. Knows no languages."""

import re
from dataclasses import dataclass
from typing import ClassVar

from sif.attacks.answers.attack import AnswerAttack, Occasion, some_of
from sif.attacks.strength import Graded, Strength

_WORD = re.compile(r"\S*[^\W\d_]\S*")
_MARK = re.compile(r"(?<!\d)[.,;:!?()\"“”…]|[.,;:!?()\"“”…](?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Graded, AnswerAttack):
    """Writes some words, drawn at random, in capitals; words that are, in small letters.

    Tokenizers that take no notice of capitals take no notice of this.

    Attributes:
        share: of the words with a letter, 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="case", noun="share of words in capitals", low=0, high=1, example="case:0.5"
    )

    share: int | float

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same words, some in capitals."""
        words = list(_WORD.finditer(text))
        for index in reversed(some_of(range(len(words)), self.share, occasion.rng(str(self)))):
            start, end = words[index].span()
            word = text[start:end]
            turned = word.upper() if word != word.upper() else word.lower()
            text = text[:start] + turned + text[end:]
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Punctuation(Graded, AnswerAttack):
    """Takes out some marks (`. , ; : ! ? …`, brackets, double quotes), drawn at random.

    Marks inside numbers, apostrophes and hyphens stay.

    Attributes:
        share: of the marks, 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="punctuation",
        noun="share of marks taken out",
        low=0,
        high=1,
        example="punctuation:0.5",
    )

    share: int | float

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same words with fewer marks."""
        marks = [mark.start() for mark in _MARK.finditer(text)]
        gone = set(some_of(marks, self.share, occasion.rng(str(self))))
        return "".join(letter for place, letter in enumerate(text) if place not in gone)
