"""Who carries out parts of a work: this process, others of this machine, or those of a cluster.

A part is a value that says what to do. What comes of it goes back to whoever asked, who alone
writes, so that nobody else needs to see his folders. Knows nothing of what the parts do.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar, runtime_checkable

from sif.errors import SifError

Show = Callable[[str, float, float, Any], None]
"""Is told of progress: stage, done, total, and a few words or what else the asker wants to know."""
PATIENCE: Final = 0.2
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

logger = logging.getLogger(__name__)


@runtime_checkable
class Part(Protocol[T_co]):
    """One part of the work; gives the same again after an interruption, wherever it runs."""

    def run(self, show: Show) -> T_co:
        """Does it, and returns what came of it."""
        ...


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A part that is a function of `show` alone; other processes must be able to import it."""

    work: Callable[[Show], T]

    def run(self, show: Show) -> T:
        """Calls it."""
        return self.work(show)


@dataclass(frozen=True, slots=True)
class Arrived(Generic[T]):
    """What came of a part, and its number in the order in which parts were given."""

    number: int
    result: T


class Crew(ABC):
    """Carries out parts; whatever it needs for that ends with the block of `hire`.

    Attributes:
        size: parts that are carried out at once.
        stopped: whether nobody wants what it is at any more.
    """

    size: int
    stopped: bool = False

    def stop(self) -> None:
        """Makes whoever waits for parts give up, soon; may be called from any thread."""
        self.stopped = True

    def _go_on(self) -> None:
        """Looks whether somebody still wants the work.

        Raises:
            CancelledError: nobody does.
        """
        if self.stopped:
            raise CancelledError

    @abstractmethod
    def arriving(self, parts: Iterable[Part[T]]) -> Iterator[Arrived[T]]:
        """What comes of every part, as it comes; parts are taken when somebody is free for them.

        Raises:
            SifError: what a part raised, or one that has lost its worker too often.
            CancelledError: it was stopped meanwhile.
        """

    def run(self, parts: Sequence[Part[T]]) -> list[T]:
        """What came of every part, in their order.

        Raises:
            SifError: as of `arriving`.
        """
        found = {arrived.number: arrived.result for arrived in self.arriving(parts)}
        return [found[number] for number in range(len(parts))]


class Alone(Crew):
    """This process.

    Args:
        show: is told of progress.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self.size = 1

    def arriving(self, parts: Iterable[Part[T]]) -> Iterator[Arrived[T]]:
        """One after the other."""
        for number, part in enumerate(parts):
            self._go_on()
            yield Arrived(number, part.run(self._show))


@dataclass(slots=True)
class Task:
    """A part on its way.

    Attributes:
        number: in the order in which parts were given.
        part: itself.
        losses: workers that it has lost.
    """

    number: int
    part: Part[Any]
    losses: int = field(default=0)

    def lost(self, why: str, *, most: int, mend: str) -> None:
        """Its worker is gone: it is to be begun again.

        Args:
            why: in words.
            most: workers that a part may lose.
            mend: what to do about it.

        Raises:
            SifError: that was one too many.
        """
        self.losses += 1
        if self.losses > most:
            raise SifError(
                f"expected every worker to end by itself, got {self.losses} that were lost with "
                f"the same part, the last because {why}; {mend}"
            )
        logger.warning(
            "a worker was lost (%s); its part is begun again, for the %d. time of at most %d",
            *(why, self.losses, most),
        )


def seldom(show: Show) -> Show:
    """Passes on what is told a few times a second, and the last of every stage."""
    last: dict[str, float] = {}

    def tell(stage: str, done: float, total: float, words: Any) -> None:
        now = time.monotonic()
        if done >= total or now - last.get(stage, 0.0) > PATIENCE:
            last[stage] = now
            show(stage, done, total, words)

    return tell
