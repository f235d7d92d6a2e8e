"""A suspect whose replies are given: by a function, or by a table. For tests and examples."""

from collections.abc import Callable, Mapping, Sequence

from sif.types import Answer, Query, Reply, Unanswered

Script = Callable[[Query], Reply | str] | Mapping[str, Reply | str]


class ScriptedSuspect:
    """Replies as it was told to.

    Args:
        script: a function from a query to its reply, or a table from trigger ids to replies; plain
            words stand for an answer. What the table does not hold stays unanswered.
        name: of the suspect in journals and reports.

    Attributes:
        asked: every query that came, in order.
    """

    def __init__(self, script: Script, *, name: str = "scripted") -> None:
        self._script = script
        self._name = name
        self.asked: list[Query] = []

    @property
    def name(self) -> str:
        """As given."""
        return self._name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The script's replies."""
        self.asked.extend(queries)
        return [self._reply(query) for query in queries]

    def close(self) -> None:
        """Holds nothing."""

    def _reply(self, query: Query) -> Reply:
        if isinstance(self._script, Mapping):
            missing = Unanswered(reason=f"no reply is scripted for trigger {query.trigger}")
            reply = self._script.get(query.trigger, missing)
        else:
            reply = self._script(query)
        return Answer(text=reply, finish_reason="stop") if isinstance(reply, str) else reply
