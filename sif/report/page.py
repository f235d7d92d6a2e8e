"""What a report shows, as plain values.

Knows nothing of HTML, files, keys or models. The group of a suspect only sorts the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from PIL import Image

from sif.ownership.run import Group
from sif.ownership.verdict import Verdict

Kind = Literal["green", "red", "unscored"]


class Fact(NamedTuple):
    """A line of the provenance, such as `Fact("Green share", "0.5")`."""

    label: str
    value: str


class Piece(NamedTuple):
    """A stretch of an answer: a counted word, or what stands between counted words."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerView:
    """A trigger beside its base image, both of the same size; `epsilon` in [0, 1]."""

    id: str
    prompt: str
    base: Image.Image
    image: Image.Image
    epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """A suspect's answer to one trigger, cut into pieces, or why none came.

    Of several answers to one trigger, `green` and `scored` count what the earlier ones lack.
    """

    trigger_id: str
    pieces: Sequence[Piece] = ()
    unanswered: str | None = None
    green: int = 0
    scored: int = 0

    @property
    def text(self) -> str:
        """The answer as it came."""
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectView:
    """A suspect, how it was asked (with an example before every prompt?), and what came of it.

    Of many answers some are shown, and `left_out` says how many are not.
    """

    name: str
    label: str
    engine: str
    verdict: Verdict
    answers: Sequence[AnswerView] = ()
    group: Group = "other"
    example: str | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """Everything on the page.

    Attributes:
        facts: of the fingerprint (model, number of triggers, budget, recipe, digests, …).
        triggers: whose pictures are shown; each is looked at once.
        notes: remarks under the provenance.
        public: leave out which words are green.
        left_out: triggers whose pictures are not shown.
    """

    title: str
    created: datetime
    facts: Sequence[Fact]
    triggers: Sequence[TriggerView]
    suspects: Sequence[SuspectView]
    notes: Sequence[str] = ()
    public: bool = False
    left_out: int = 0
