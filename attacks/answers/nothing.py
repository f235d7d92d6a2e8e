"""No attack: the answer as it is."""

from dataclasses import dataclass

from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.chain import Idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Idle, AnswerAttack):
    """Leaves every word as it is; the row to compare others with."""

    def __str__(self) -> str:
        return "none"

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same words."""
        return text
