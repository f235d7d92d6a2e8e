"""Attacks on answers, one after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.answers.nothing import Nothing
from sif.errors import UsageError
from sif.types import Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain(AnswerAttack):
    """Two or more attacks, each on what the one before it left; `in_order` builds it.

    Where one leaves no answer, those behind it have nothing to do.

    Attributes:
        steps: single attacks in the order in which they happen.

    Raises:
        UsageError: fewer than two attacks, a chain among them, or one that does nothing.
    """

    steps: tuple[AnswerAttack, ...]

    def __post_init__(self) -> None:
        if len(self.steps) < 2 or list(_single(self.steps)) != list(self.steps):
            raise UsageError(
                "expected a chain of two or more single attacks, got "
                f"{', '.join(map(str, self.steps)) or 'none'}; build it with in_order"
            )

    def __str__(self) -> str:
        return "+".join(map(str, self.steps))

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
    steps = tuple(_single(attacks))
    match steps:
        case ():
            return Nothing()
        case (only,):
            return only
        case _:
            return Chain(steps=steps)


def _single(attacks: Iterable[AnswerAttack]) -> Iterator[AnswerAttack]:
    for attack in attacks:
        match attack:
            case Nothing():
                pass
            case Chain(steps=steps):
                yield from steps
            case _:
                yield attack
