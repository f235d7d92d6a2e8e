"""What every attack on answers is, no attack, and several one after the other.

An attack is a frozen value with one method from words to words. Knows nothing of single attacks, of
suspects or of keys.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sif.attacks.chain import Idle, Steps, one_of
from sif.types import Query, Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What an attack may draw its chances from: one question, and a seed.

    Attributes:
        digest: of the question, as the attacked suspect was asked it.
        seed: another one gives other chances to every question.
    """

    digest: str
    seed: int

    def rng(self, attack: str) -> np.random.Generator:
        """The chances of one attack, in its text form; the same again for the same question.

        The seed of numpy's default generator is the SHA-256, as a big-endian number, of
        `SEED|ATTACK|DIGEST`.
        """
        digest = hashlib.sha256(f"{self.seed}|{attack}|{self.digest}".encode())
        return np.random.default_rng(int.from_bytes(digest.digest(), "big"))


class AnswerAttack(ABC):
    """One attack. `str(attack)` is its text form, as `parse_answer_attacks` reads it.

    Attributes:
        lanes: answers that are best attacked at a time; above 1 where an attack waits for others.
    """

    __slots__ = ()
    lanes: ClassVar[int] = 1

    def apply(self, text: str, query: Query, *, seed: int = 0) -> str | Unanswered:
        """The attacked words, the same for the same words, question and seed.

        Args:
            text: an answer.
            query: what it answers.
            seed: of what is drawn.
        """
        return self.attacked(text, Occasion(digest=query.digest, seed=seed))

    @abstractmethod
    def __str__(self) -> str:
        """The text form, for example `truncate:0.5`."""

    @abstractmethod
    def attacked(self, text: str, occasion: Occasion) -> str | Unanswered:
        """The attack itself, with its chances from an occasion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Idle, AnswerAttack):
    """Leaves every word as it is; the row to compare others with."""

    def attacked(self, text: str, occasion: Occasion) -> str:
        """The same words."""
        return text


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


def some_of(places: Sequence[int], share: int | float, rng: np.random.Generator) -> list[int]:
    """`share` of the places, rounded to a whole number, drawn without repetition, ascending."""
    number = round(share * len(places))
    return sorted(int(place) for place in rng.choice(places, number, replace=False))
