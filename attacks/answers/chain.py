"""Attacks on answers, one after the other."""

from collections.abc import Iterable
from dataclasses import dataclass

from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.answers.nothing import Nothing
from sif.attacks.chain import Steps, one_of
from sif.types import Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain(Steps[AnswerAttack], AnswerAttack):
    """Two or more attacks, each on what the one before it left; `in_order` builds it.

    Where one leaves no answer, those behind it have nothing to do.
    """

    def attacked(self, text: str, occasion: Occasion) -> str | Unanswered:
        """All steps."""
        for step in self.steps:
            outcome = step.attacked(text, occasion)
            if isinstance(outcome, Unanswered):
                return outcome
            text = outcome
        return text


def in_order(attacks: Iterable[AnswerAttack]) -> AnswerAttack:
    """One attack out of any number: chains are opened up, and what does nothing is left out."""
    return one_of(attacks, none=Nothing(), chain=lambda steps: Chain(steps=steps))
