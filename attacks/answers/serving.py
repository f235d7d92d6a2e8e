"""Attacks in how a model is served: on questions, on decoding, on which model answers.

Knows nothing of single attacks.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar, final

from sif.types import Query, Reply, Suspect


class ServingAttack(ABC):
    """One attack. `str(attack)` is its text form, as `parse_answer_attacks` reads it."""

    __slots__ = ()

    @abstractmethod
    def __str__(self) -> str:
        """The text form, for example `temperature:0.7`."""

    @abstractmethod
    def around(self, suspect: Suspect) -> Suspect:
        """The suspect served in this way; its name says so, as `served_name` builds it.

        Raises:
            UsageError: this suspect cannot be served so.
        """


A = TypeVar("A", bound=ServingAttack)


class ServedSuspect(ABC, Generic[A]):
    """Another suspect, served in the way of an attack.

    Args:
        suspect: the one that is asked.
        attack: on it.
    """

    def __init__(self, suspect: Suspect, attack: A) -> None:
        self._suspect = suspect
        self._attack = attack

    @final
    @property
    def name(self) -> str:
        """That of the suspect behind, then the attack, as in `hf:model (answers cache)`."""
        return served_name(self._suspect, self._attack)

    @abstractmethod
    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies in the order of the queries."""

    @final
    def close(self) -> None:
        """Closes the suspect behind."""
        self._suspect.close()


def served_name(suspect: Suspect, attack: object) -> str:
    """The name of a suspect with an attack on its answers."""
    return f"{suspect.name} (answers {attack})"
