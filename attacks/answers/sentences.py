"""Sentences left out, and sentences in another order.

A sentence ends behind `.`, `!` or `?` and white space, behind their full-width forms, or with its
line: abbreviations cut one in two, which a thief would not mind.
"""

import re
from dataclasses import dataclass
from typing import Final

from sif.attacks.answers.attack import AnswerAttack, Occasion, some_of
from sif.attacks.strength import Strength

LEFT_OUT: Final = Strength(
    attack="drop", noun="share of sentences left out", low=0, high=1, example="drop:0.3"
)
MOVED: Final = Strength(
    attack="shuffle", noun="share of sentences moved", low=0, high=1, example="shuffle:1"
)
_GAP = re.compile(r"(\s*\n\s*|(?<=[.!?])\s+|(?<=[。！？])\s*)")


def split_sentences(text: str) -> tuple[list[str], list[str]]:
    """The sentences, and the white space behind each of them; joined in turn they are the text."""
    parts = _GAP.split(text)
    sentences, gaps = parts[::2], [*parts[1::2], ""]
    if len(sentences) > 1 and not sentences[-1]:
        sentences, gaps = sentences[:-1], gaps[:-1]
    return sentences, gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(AnswerAttack):
    """Leaves out some sentences, drawn at random; the others stay as they are.

    Of n sentences round(share · n) go, but one always stays.

    Attributes:
        share: of the sentences that go, 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float

    def __post_init__(self) -> None:
        LEFT_OUT.check(self.share)

    def __str__(self) -> str:
        return LEFT_OUT.text(self.share)

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The sentences that stay."""
        sentences, gaps = split_sentences(text)
        gone = some_of(range(len(sentences)), self.share, occasion.rng(str(self)))
        if not gone:
            return text
        kept = [index for index in range(len(sentences)) if index not in gone] or gone[:1]
        return "".join(sentences[index] + gaps[index] for index in kept).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle(AnswerAttack):
    """Puts some sentences, drawn at random, into a random order among their places.

    The answer has the same sentences as before, each as often. Of n, round(share · n) take part;
    chance may leave some of them where they were.

    Attributes:
        share: of the sentences that take part, 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float

    def __post_init__(self) -> None:
        MOVED.check(self.share)

    def __str__(self) -> str:
        return MOVED.text(self.share)

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same sentences in another order."""
        sentences, gaps = split_sentences(text)
        rng = occasion.rng(str(self))
        places = some_of(range(len(sentences)), self.share, rng)
        moved = list(sentences)
        for place, source in zip(places, rng.permutation(places), strict=True):
            moved[place] = sentences[int(source)]
        return "".join(map("".join, zip(moved, gaps, strict=True)))
