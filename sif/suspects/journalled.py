"""A suspect whose answers are kept: the journal is asked first, and what it lacks is recorded.

Knows neither engines nor the journal's format.
"""

from collections.abc import Sequence

from sif.suspects.journal import Journal
from sif.types import Query, Reply, Suspect


class Journalled:
    """Another suspect with a journal before it; resuming after kill -9 loses one chunk at most.

    Args:
        suspect: the one that is asked.
        journal: of its answers; stays open when the suspect is closed.
        chunk: queries that are asked and committed at once.
        name: under which the journal keeps the answers; the suspect's own where None.
    """

    def __init__(
        self, suspect: Suspect, journal: Journal, *, chunk: int = 32, name: str | None = None
    ) -> None:
        self._suspect = suspect
        self._name = name
        self._journal = journal
        self._chunk = chunk

    @property
    def name(self) -> str:
        """That of the suspect behind, if none was given."""
        return self._name or self._suspect.name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies from the journal where it holds them; a question that came twice is asked once.

        Raises:
            SuspectError: the suspect cannot be reached; committed chunks stay.
            StorageError: the journal cannot be written; committed chunks stay.
        """
        digests = [query.digest for query in queries]
        known: dict[str, Reply] = dict(self._journal.replies(self.name, digests))
        missing = {
            digest: query
            for digest, query in zip(digests, queries, strict=True)
            if digest not in known
        }
        todo = list(missing.items())
        for start in range(0, len(todo), self._chunk):
            known |= self._ask_chunk(dict(todo[start : start + self._chunk]))
        return [known[digest] for digest in digests]

    def close(self) -> None:
        """Closes the suspect, not the journal."""
        self._suspect.close()

    def _ask_chunk(self, chunk: dict[str, Query]) -> dict[str, Reply]:
        queries = list(chunk.values())
        replies = self._suspect.ask(queries)
        self._journal.record(self.name, queries, replies)
        recorded = self._journal.replies(self.name, list(chunk))
        return dict(zip(chunk, replies, strict=True)) | recorded
