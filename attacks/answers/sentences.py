"""Fewer words, fewer sentences, and sentences in another order; no other words.

A sentence ends behind `.`, `!` or `?` and white space, behind their full-width forms, or with its
line: abbreviations cut one in two, which a thief would not mind.
Knows no meanings.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from sif.attacks.answers.attack import AnswerAttack, Occasion, some_of
from sif.attacks.strength import Graded, Strength

_GAP = re.compile(r"(\s*\n\s*|(?<=[.!?])\s+|(?<=[。！？])\s*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate(Graded, AnswerAttack):
    """Keeps the first words and cuts the rest, in the middle of a sentence if need be.

    Of n words (parted by white space) round(share · n) stay, at least one.

    Attributes:
        share: of the words that stay, 0.01 to 1; 1 changes nothing.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="truncate", noun="share of words kept", low=0.01, high=1, example="truncate:0.5"
    )

    share: int | float

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The first words."""
        ends = [word.end() for word in re.finditer(r"\S+", text)]
        kept = max(1, round(self.share * len(ends)))
        return text if kept >= len(ends) else text[: ends[kept - 1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Graded, AnswerAttack):
    """Leaves out some sentences, drawn at random; the others stay as they are.

    Of n sentences round(share · n) go, but one always stays.

    Attributes:
        share: of the sentences that go, 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="drop", noun="share of sentences left out", low=0, high=1, example="drop:0.3"
    )

    share: int | float

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The sentences that stay."""
        sentences, gaps = split_sentences(text)
        gone = some_of(range(len(sentences)), self.share, occasion.rng(str(self)))
        if not gone:
            return text
        kept = [index for index in range(len(sentences)) if index not in gone] or gone[:1]
        return "".join(sentences[index] + gaps[index] for index in kept).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle(Graded, AnswerAttack):
    """Puts some sentences, drawn at random, into a random order among their places.

    The answer has the same sentences as before, each as often. Of n, round(share · n) take part;
    chance may leave some of them where they were.

    Attributes:
        share: of the sentences that take part, 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="shuffle", noun="share of sentences moved", low=0, high=1, example="shuffle:1"
    )

    share: int | float

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same sentences in another order."""
        sentences, gaps = split_sentences(text)
        rng = occasion.rng(str(self))
        places = some_of(range(len(sentences)), self.share, rng)
        moved = list(sentences)
        for place, source in zip(places, rng.permutation(places), strict=True):
            moved[place] = sentences[int(source)]
        return "".join(map("".join, zip(moved, gaps, strict=True)))


def split_sentences(text: str) -> tuple[list[str], list[str]]:
    """The sentences, and the white space behind each of them; joined in turn they are the text."""
    parts = _GAP.split(text)
    sentences, gaps = parts[::2], [*parts[1::2], ""]
    if len(sentences) > 1 and not sentences[-1]:
        sentences, gaps = sentences[:-1], gaps[:-1]
    return sentences, gaps
