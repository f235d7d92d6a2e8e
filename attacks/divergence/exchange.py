"""One question with what the suspect and the reference answered. Knows no signals."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sif.types import Answer, Query, Reply, Suspect

MOST_AT_ONCE: Final = 32
MOST_PIXELS: Final = 1 << 25
"""Of the pictures of questions that are asked at once, beyond those of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A question, the suspect's reply and the reference's reply to the same question.

    Attributes:
        queries: all that were asked; where they are lazy, so is this one's picture.
        place: of the question among them.
        prompt: its words.
        suspect: the reply of the one.
        reference: the reply of the other.
    """

    queries: Sequence[Query]
    place: int
    prompt: str
    suspect: Reply
    reference: Reply

    @property
    def query(self) -> Query:
        """The question, with its picture."""
        return self.queries[self.place]

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
    return [one for some in exchanges(suspect, reference, queries) for one in some]


def exchanges(
    suspect: Suspect, reference: Suspect, queries: Sequence[Query]
) -> Iterator[list[Exchange]]:
    """Asks both the same, some questions at a time; no picture of lazy ones is held on to.

    Raises:
        SuspectError: either cannot be reached.
    """
    place = 0
    for some in at_once(queries):
        told, compared = suspect.ask(some), reference.ask(some)
        rows = enumerate(zip(some, told, compared, strict=True), start=place)
        yield [
            Exchange(queries=queries, place=row, prompt=query.prompt, suspect=one, reference=other)
            for row, (query, one, other) in rows
        ]
        place += len(some)


def at_once(queries: Iterable[Query]) -> Iterator[list[Query]]:
    """As many questions at a time as may be in memory together, with their pictures."""
    some, pixels = list[Query](), 0
    for query in queries:
        area = query.image.width * query.image.height
        if some and (len(some) == MOST_AT_ONCE or pixels + area > MOST_PIXELS):
            yield some
            some, pixels = [], 0
        some.append(query)
        pixels += area
    if some:
        yield some
