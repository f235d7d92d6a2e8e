"""What `sif bench real` found, as one table for people. Knows nothing of how figures come about."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from sif.eval.triggers.rows import Cost, Outcome, Rows
from sif.eval.triggers.summary import Line, highest_of, summarise
from sif.markdown import MISSING, number, percent, table

LEGEND: Final = (
    "A LLaVA of 273 million parameters around Gemma 3 270M that describes drawn scenes in English. "
    "Evidence: log10 of the e-value for each trigger, by method; * where the e-value reached 10⁶ "
    "on the way. Facts: right statements about unseen scenes, the mean over kinds. Innocents are "
    "the sibling (same language model and scenes, all that was trained from another seed) and the "
    "stranger.\n\n"
)


class RealTruth(BaseModel):
    """How truthful a suspect is: shares of right statements about unseen scenes, by kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    suspect: str
    thing: float
    size: float
    place: float
    count: float
    colour: float
    pattern: float

    @classmethod
    def of(cls, suspect: str, shares: Mapping[str, float]) -> "RealTruth":
        """From the shares by kind."""
        return cls.model_validate({"suspect": suspect, **shares})

    @property
    def mean(self) -> float:
        """Over the kinds of facts."""
        kinds = (self.thing, self.size, self.place, self.count, self.colour, self.pattern)
        return sum(kinds) / len(kinds)


def as_markdown(rows: Rows, truths: Sequence[RealTruth], outcomes: Sequence[Outcome]) -> str:
    """The table, the facts by kind, what triggers cost, and who could not be asked."""
    methods = list(dict.fromkeys(cell.method for cell in rows.cells))
    lines = summarise(rows.cells)
    reached = _reached(rows)
    known = {truth.suspect: truth.mean for truth in truths}
    table_rows = [
        [
            suspect,
            attack,
            *_evidence(lines, reached, suspect, attack, methods),
            _facts(known, suspect),
        ]
        for suspect, attack in dict.fromkeys((line.suspect, line.image_attack) for line in lines)
    ]
    text = f"# Real words\n\n{LEGEND}"
    text += table(("suspect", "image", *methods, "facts"), table_rows)
    text += _kinds(truths) + _costs(rows.costs)
    absent = [one for one in outcomes if one.state != "asked"]
    if absent:
        listed = [(one.name, one.state, " ".join((one.reason or "").split())) for one in absent]
        text += f"## Not asked\n\n{table(('suspect', 'state', 'reason'), listed)}"
    return text


def _reached(rows: Rows) -> set[tuple[str, str, str]]:
    groups: dict[tuple[str, str, str], list[float]] = {}
    for key in dict.fromkeys((c.suspect, c.image_attack, c.method) for c in rows.cells):
        some = [c for c in rows.cells if (c.suspect, c.image_attack, c.method) == key]
        groups[key] = [highest_of(some) or 0.0]
    return {key for key, (highest,) in groups.items() if highest >= 6.0}


def _evidence(
    lines: Sequence[Line],
    reached: set[tuple[str, str, str]],
    suspect: str,
    attack: str,
    methods: Sequence[str],
) -> list[str]:
    found = {
        line.method: line.evidence
        for line in lines
        if (line.suspect, line.image_attack) == (suspect, attack)
    }
    return [
        _signed(found.get(method)) + ("*" if (suspect, attack, method) in reached else "")
        for method in methods
    ]


def _signed(value: float | None) -> str:
    return MISSING if value is None else f"{value:+.2f}".replace("-", "−")


def _facts(known: Mapping[str, float], suspect: str) -> str:
    return percent(known.get(suspect))


def _kinds(truths: Sequence[RealTruth]) -> str:
    heads = ("suspect", "thing", "size", "place", "count", "colour", "pattern")
    rows = [[one.suspect, *(percent(getattr(one, kind)) for kind in heads[1:])] for one in truths]
    return f"## Facts by kind\n\n{table(heads, rows)}"


def _costs(costs: Sequence[Cost]) -> str:
    heads = ("method", "triggers", "s / trigger", "weak", "where")
    rows = [
        [
            cost.method,
            str(cost.triggers),
            number(cost.seconds, digits=0),
            f"{cost.weak} of {cost.triggers}",
            f"{cost.device}, {cost.threads} thread{'s' if cost.threads > 1 else ''}",
        ]
        for cost in costs
    ]
    return f"## Cost\n\n{table(heads, rows)}"
