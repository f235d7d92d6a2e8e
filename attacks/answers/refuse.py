"""Answers refused at a rate: in words, as a model refuses, or without any, as a filter does.

A refusal in words is an answer like any other: the owner sees a sentence, counts its words, and
loses the trigger's evidence. One without words is `Unanswered`: the audit asks on, and too few
answers make it inconclusive.
"""

from dataclasses import dataclass
from typing import Final

from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.strength import Strength
from sif.types import Unanswered

REFUSAL: Final = "I'm sorry, but I can't help with that."
REFUSED: Final = Strength(
    attack="refuse", noun="rate of refusals", low=0, high=1, example="refuse:0.2"
)
WITHHELD: Final = Strength(
    attack="withhold", noun="rate of withheld answers", low=0, high=1, example="withhold:0.2"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(AnswerAttack):
    """Says that it cannot help, to questions drawn at random; repeats are drawn anew.

    Attributes:
        rate: 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the rate is out of range.
    """

    rate: int | float

    def __post_init__(self) -> None:
        REFUSED.check(self.rate)

    def __str__(self) -> str:
        return REFUSED.text(self.rate)

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The answer, or the refusal's words."""
        return REFUSAL if occasion.rng(str(self)).random() < self.rate else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Withhold(AnswerAttack):
    """Gives no answer to questions drawn at random; repeats are drawn anew.

    Attributes:
        rate: 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the rate is out of range.
    """

    rate: int | float

    def __post_init__(self) -> None:
        WITHHELD.check(self.rate)

    def __str__(self) -> str:
        return WITHHELD.text(self.rate)

    def attacked(self, text: str, occasion: Occasion) -> str | Unanswered:
        """The answer, or none."""
        if occasion.rng(str(self)).random() < self.rate:
            return Unanswered(reason=f"withheld by the attack {self}")
        return text
