"""Only the beginning of an answer."""

import re
from dataclasses import dataclass
from typing import Final

from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.strength import Strength

KEPT: Final = Strength(
    attack="truncate", noun="share of words kept", low=0.01, high=1, example="truncate:0.5"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate(AnswerAttack):
    """Keeps the first words and cuts the rest, in the middle of a sentence if need be.

    Of n words (parted by white space) round(share · n) stay, at least one.

    Attributes:
        share: of the words that stay, 0.01 to 1; 1 changes nothing.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float

    def __post_init__(self) -> None:
        KEPT.check(self.share)

    def __str__(self) -> str:
        return KEPT.text(self.share)

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The first words."""
        ends = [word.end() for word in re.finditer(r"\S+", text)]
        kept = max(1, round(self.share * len(ends)))
        return text if kept >= len(ends) else text[: ends[kept - 1]]
