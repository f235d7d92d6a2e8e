"""No attack, and attacks one after the other, whatever they work on. Knows no single attack."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from sif.errors import UsageError

A = TypeVar("A")


class Idle:
    """What an attack also is if it does nothing; chains leave it out."""

    __slots__ = ()

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps(Generic[A]):
    """Two or more attacks of one kind, each on what the one before it left.

    Attributes:
        steps: single attacks in the order in which they happen.

    Raises:
        UsageError: fewer than two attacks, a chain among them, or one that does nothing.
    """

    steps: tuple[A, ...]

    def __post_init__(self) -> None:
        if len(self.steps) < 2 or list(_single(self.steps)) != list(self.steps):
            raise UsageError(
                "expected a chain of two or more single attacks, got "
                f"{', '.join(map(str, self.steps)) or 'none'}; build it with in_order"
            )

    def __str__(self) -> str:
        return "+".join(map(str, self.steps))


def one_of(attacks: Iterable[A], *, none: A, chain: Callable[[tuple[A, ...]], A]) -> A:
    """One attack out of any number: chains are opened up, and what does nothing is left out.

    Args:
        attacks: in the order in which they happen.
        none: what nothing comes to.
        chain: makes one of two or more.
    """
    match tuple(_single(attacks)):
        case ():
            return none
        case (only,):
            return only
        case steps:
            return chain(steps)


def _single(attacks: Iterable[A]) -> Iterator[A]:
    for attack in attacks:
        match attack:
            case Idle():
                pass
            case Steps(steps=steps):
                yield from steps
            case _:
                yield attack
