"""Answers kept in one file: the only place that opens a journal of answers.

Whoever is asked `through` it is asked nothing twice, also after kill -9. Knows neither fingerprints
nor attacks: what a suspect is put behind happens before it is handed in.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from sif.suspects.journal import Journal, JournalEntry
from sif.suspects.journalled import Journalled
from sif.types import Answer, Suspect

CHUNK: Final = 32
"""Questions that are asked and committed at once, where nobody says otherwise."""
Known = frozenset[tuple[str, str]]
"""Questions whose answers are there: the suspect's name, and the digest."""


class KeptAnswers:
    """The answers of any number of suspects in one file; a context manager, closed at its end.

    Args:
        file: of the journal; made, with its folder, where it does not exist.

    Raises:
        StorageError: another file, a damaged one, or no place for one.
    """

    def __init__(self, file: Path) -> None:
        self._journal = Journal(file)

    def __enter__(self) -> "KeptAnswers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._journal.close()

    def through(self, suspect: Suspect, *, name: str | None = None, chunk: int = CHUNK) -> Suspect:
        """The suspect, with the file before it: what the file lacks is asked and recorded.

        Args:
            suspect: stays the caller's to close; attacks are around it already.
            name: under which its answers are kept; its own where None.
            chunk: questions that are asked and committed at once.
        """
        return Journalled(suspect, self._journal, name=name, chunk=chunk)

    def replies(self, suspect: str, digests: Sequence[str]) -> dict[str, Answer]:
        """Those answers of a suspect that the file holds, by the digest of the query."""
        return self._journal.replies(suspect, digests)

    def known(self) -> Known:
        """Whose answers to which questions the file holds."""
        return frozenset(self._journal.known())

    def answers(self, suspect: str | None = None) -> list[JournalEntry]:
        """Every answer, of one suspect or of all, in the order of asking."""
        return self._journal.answers(suspect)

    def failures(self, suspect: str | None = None) -> list[JournalEntry]:
        """Every failure to answer, of one suspect or of all, in the order of asking."""
        return self._journal.failures(suspect)
