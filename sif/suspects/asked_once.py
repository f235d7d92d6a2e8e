"""A suspect that is asked nothing twice while this is in memory. Knows nothing of files."""

from collections.abc import Sequence

from sif.types import Query, Reply, Suspect


class AskedOnce:
    """Another suspect, whose replies to the same questions are given again, failures too.

    Args:
        suspect: stays the caller's to close.
    """

    def __init__(self, suspect: Suspect) -> None:
        self._suspect = suspect
        self._replies: dict[str, Reply] = {}

    @property
    def name(self) -> str:
        """That of the suspect behind."""
        return self._suspect.name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies in the order of the queries."""
        digests = [query.digest for query in queries]
        new = {
            digest: query
            for digest, query in zip(digests, queries, strict=True)
            if digest not in self._replies
        }
        replies = self._suspect.ask(list(new.values())) if new else []
        self._replies |= dict(zip(new, replies, strict=True))
        return [self._replies[digest] for digest in digests]

    def close(self) -> None:
        """Closes the suspect behind."""
        self._suspect.close()
