"""A suspect whose answers are remembered, for whoever looks at them after the audit."""

from collections.abc import Sequence

from sif.types import Answer, Query, Reply, Suspect, Unanswered


class Remembering:
    """Another suspect, with a memory of what it answered.

    Args:
        suspect: the one that is asked.

    A question that comes again is the same one, and its last reply counts.
    """

    def __init__(self, suspect: Suspect) -> None:
        self._suspect = suspect
        self._replies: dict[str, dict[tuple[str, int], Reply]] = {}

    @property
    def answers(self) -> dict[str, list[Answer]]:
        """To each trigger, in the order of asking; empty where none came."""
        return {
            trigger: [reply for reply in kept.values() if isinstance(reply, Answer)]
            for trigger, kept in self._replies.items()
        }

    @property
    def asked(self) -> int:
        """Different questions so far."""
        return sum(map(len, self._replies.values()))

    @property
    def reasons(self) -> list[str]:
        """Why no answer came, of every question that got none."""
        replies = (reply for kept in self._replies.values() for reply in kept.values())
        return [reply.reason for reply in replies if isinstance(reply, Unanswered)]

    @property
    def name(self) -> str:
        """That of the suspect behind."""
        return self._suspect.name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The replies of the suspect behind."""
        replies = self._suspect.ask(queries)
        for query, reply in zip(queries, replies, strict=True):
            kept = self._replies.setdefault(query.trigger, {})
            kept[query.prompt, query.repeat] = reply
        return replies

    def close(self) -> None:
        """Closes the suspect behind."""
        self._suspect.close()
