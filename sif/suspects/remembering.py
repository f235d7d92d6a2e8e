"""A suspect whose answers are remembered, for whoever looks at them after the audit."""

from collections.abc import Sequence

from sif.types import Answer, Query, Reply, Suspect


class Remembering:
    """Another suspect, with a memory of what it answered.

    Args:
        suspect: the one that is asked.

    Attributes:
        answers: to each trigger, in the order of asking; empty where none came.
    """

    def __init__(self, suspect: Suspect) -> None:
        self._suspect = suspect
        self.answers: dict[str, list[Answer]] = {}

    @property
    def name(self) -> str:
        """That of the suspect behind."""
        return self._suspect.name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The replies of the suspect behind."""
        replies = self._suspect.ask(queries)
        for query, reply in zip(queries, replies, strict=True):
            kept = self.answers.setdefault(query.trigger, [])
            if isinstance(reply, Answer):
                kept.append(reply)
        return replies

    def close(self) -> None:
        """Closes the suspect behind."""
        self._suspect.close()
