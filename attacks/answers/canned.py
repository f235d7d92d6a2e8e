"""The thief's own words, before every answer or in the place of some; or no words at all.

A refusal in words is an answer like any other: the owner sees a sentence, counts its words, and
loses the trigger's evidence. One without words is `Unanswered`: the audit asks on, and too few
answers make it inconclusive. Knows nothing of what was answered.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, final

from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.answers.quoting import Worded
from sif.attacks.strength import Graded, Strength
from sif.types import Unanswered

REFUSAL: Final = "I'm sorry, but I can't help with that."


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix(Worded, AnswerAttack):
    """Puts fixed words and a blank before every answer.

    Attributes:
        words: at least one.

    Raises:
        UsageError: no words.
    """

    attack: ClassVar = "prefix"
    example: ClassVar = 'prefix:"Sure!"'

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The words, then the answer."""
        return f"{self.words} {text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _AtRate(Graded, AnswerAttack):
    """Something else in the place of answers to questions drawn at random; repeats are drawn anew.

    Attributes:
        rate: 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the rate is out of range.
    """

    rate: int | float

    @final
    def attacked(self, text: str, occasion: Occasion) -> str | Unanswered:
        """The answer, or what stands in its place."""
        return self._instead() if occasion.rng(str(self)).random() < self.rate else text

    @abstractmethod
    def _instead(self) -> str | Unanswered:
        """What stands in an answer's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(_AtRate):
    """Says that it cannot help, to questions drawn at random; repeats are drawn anew.

    Attributes:
        rate: 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the rate is out of range.
    """

    strength: ClassVar = Strength(
        attack="refuse", noun="rate of refusals", low=0, high=1, example="refuse:0.2"
    )

    def _instead(self) -> str:
        return REFUSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Withhold(_AtRate):
    """Gives no answer to questions drawn at random; repeats are drawn anew.

    Attributes:
        rate: 0 to 1; 0 changes nothing.

    Raises:
        UsageError: the rate is out of range.
    """

    strength: ClassVar = Strength(
        attack="withhold", noun="rate of withheld answers", low=0, high=1, example="withhold:0.2"
    )

    def _instead(self) -> Unanswered:
        return Unanswered(reason=f"withheld by the attack {self}")
