"""One question with what the suspect and the reference answered. Knows no signals."""

from collections.abc import Sequence
from dataclasses import dataclass

from sif.types import Answer, Query, Reply, Suspect


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A question, the suspect's reply and the reference's reply to the same question."""

    query: Query
    suspect: Reply
    reference: Reply

    @property
    def texts(self) -> tuple[str, str] | None:
        """The words of the suspect and of the reference; None unless both answered."""
        if isinstance(self.suspect, Answer) and isinstance(self.reference, Answer):
            return self.suspect.text, self.reference.text
        return None


def exchange(suspect: Suspect, reference: Suspect, queries: Sequence[Query]) -> list[Exchange]:
    """Asks both the same.

    Raises:
        SuspectError: either cannot be reached.
    """
    told, compared = suspect.ask(queries), reference.ask(queries)
    return [
        Exchange(query=query, suspect=one, reference=other)
        for query, one, other in zip(queries, told, compared, strict=True)
    ]
