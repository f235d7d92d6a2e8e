"""A suspect that another process has in memory, asked as if it were here.

Whoever asks waits for each batch of answers, and learns from it what to ask next. Secrets stay with
him: questions travel there, answers back. Knows neither fingerprints nor files.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sif.errors import ModelError, SifError
from sif.scale.crew import Crew, Show
from sif.session.lent_suspect import LentSuspect
from sif.types import Query, Reply, Suspect

# What a suspect fails with, as far as it is about that suspect.
FAILURES: Final = (SifError, OSError, sqlite3.Error, MemoryError, RuntimeError, ValueError)


class Said(NamedTuple):
    """What comes back: the suspect's name, and a reply to each question."""

    name: str
    replies: list[Reply]


@dataclass(frozen=True, slots=True)
class Question:
    """Questions to one suspect, which stays in the memory of whoever takes them.

    Attributes:
        suspect: who is asked.
        queries: what; nothing to hear only its name.
    """

    suspect: LentSuspect
    queries: tuple[Query, ...] = field(default=(), repr=False)

    def run(self, show: Show) -> Said:
        """Asks.

        Raises:
            ModelError: it cannot be loaded, or failed otherwise.
            SuspectError: it cannot be reached.
        """
        try:
            opened = _held(self.suspect)
            said = opened.ask(self.queries) if self.queries else []
            return Said(self.suspect.name(opened), said)
        except FAILURES as error:
            if isinstance(error, SifError):
                raise
            raise ModelError(str(error) or type(error).__name__) from None  # others may not travel


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Frees whatever suspect its worker holds."""

    def run(self, show: Show) -> None:
        """Closes it."""
        _let_go()


class Afar:
    """A suspect that the one worker of a crew has opened.

    Args:
        crew: of one worker.
        address: of who is asked.

    Attributes:
        name: as it would be here.

    Raises:
        UsageError: the address is wrong as written.
        ModelError: it cannot be loaded.
        SifError: its worker was lost too often.
    """

    def __init__(self, crew: Crew, address: str) -> None:
        self._crew = crew
        self._suspect = LentSuspect.of(address)
        (said,) = crew.run([Question(self._suspect)])
        self.name = said.name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies in the order of the queries.

        Raises:
            ModelError: it cannot be loaded.
            SuspectError: it cannot be reached.
            SifError: its worker was lost too often.
        """
        travelling = tuple(query.about(query.image) for query in queries)
        (said,) = self._crew.run([Question(self._suspect, travelling)])
        return said.replies

    def close(self) -> None:
        """Its worker lets it go with the next one, or when it is told to."""


_open: Final[dict[LentSuspect, Suspect]] = {}


def _held(suspect: LentSuspect) -> Suspect:
    """The suspect, opened once; one at a time is in memory."""
    if suspect not in _open:
        _let_go()
        _open[suspect] = suspect.open()
    return _open[suspect]


def _let_go() -> None:
    while _open:
        _, before = _open.popitem()
        before.close()
