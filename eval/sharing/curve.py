"""The curve of where evidence begins: what relatives give, by how much of the source is in them.

Its points come from rows of answers; the table and the plot show them. Knows nothing of models.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from sif.eval.metrics import Estimate, green_excess
from sif.eval.triggers.rows import Cell
from sif.eval.triggers.summary import ALPHA, counts_of, evidence_of, highest_of, null_of
from sif.markdown import MISSING, table
from sif.plotting import COLOURS, as_svg, new_figure, plain

LEGEND: Final = (
    "Relatives start with part of the source's weights, not frozen, and learn the rest anew from "
    "other initial weights and other scenes of the same world; `sibling-b` shares nothing, "
    "`full-same` is a copy tuned further on other scenes. Share: of the parameters that start as "
    "the source's. Facts: right statements about unseen scenes, the mean over kinds, and the "
    "worst kind. Green: share of all scored words, with a 95% interval that takes each trigger as "
    "one. Evidence: log10 of the e-value, for each trigger. Highest: the largest log10 e-value on "
    "the way through the triggers; DERIVED where it reached 6.\n\n"
)


class Truth(BaseModel):
    """How truthful a relative is.

    Attributes:
        family: of the mini models.
        relative: its name.
        share: of its parameters that started as the source's.
        steps: of its training on captions; none of those that were not trained for this.
        seconds: of one core that the training took.
        facts: share of right statements about unseen scenes, the mean over kinds of facts.
        worst: kind of facts that it is worst at.
        worst_facts: share of right statements of that kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    family: str
    relative: str
    share: float
    steps: int | None
    seconds: float | None
    facts: float
    worst: str
    worst_facts: float


class Told(Cell):
    """A relative's answer to one trigger; it is the suspect.

    Attributes:
        share: of its parameters that started as the source's.
    """

    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one relative gives to the triggers of one method.

    Attributes:
        method: that made the triggers.
        relative: its name.
        share: of its parameters that started as the source's.
        triggers: asked.
        answered: of these.
        green: share of all scored words; none where nothing was scored.
        gamma: share of the words that is green.
        evidence: log10 of the e-value after all triggers, for each of them.
        highest: largest log10 e-value on the way.
    """

    method: str
    relative: str
    share: float
    triggers: int
    answered: int
    green: Estimate | None
    gamma: float
    evidence: float
    highest: float

    @property
    def derived(self) -> bool:
        """Whether the verdict would have been DERIVED."""
        return self.highest >= -math.log10(ALPHA)


def points(told: Sequence[Told]) -> list[Point]:
    """All points, in the order of the rows."""
    groups: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for row in told:
        groups[row.method, row.suspect].append(row)
    return [_point(group) for group in groups.values()]


def _point(group: Sequence[Told]) -> Point:
    first, null, counts = group[0], null_of(group), counts_of(group)
    return Point(
        method=first.method,
        relative=first.suspect,
        share=first.share,
        triggers=len(group),
        answered=sum(row.answered for row in group),
        green=green_excess([[count] for count in counts], gamma=0.0),
        gamma=0.0 if null is None else null.gamma,
        evidence=evidence_of(group) or 0.0,
        highest=highest_of(group) or 0.0,
    )


def as_markdown(some: Sequence[Point], truths: Sequence[Truth]) -> str:
    """A table for every method, and what the relatives cost, for people.

    Args:
        some: points of the curve.
        truths: how truthful the relatives are.
    """
    known = {truth.relative: truth for truth in truths}
    heads = ("relative", "share", "facts", "green", "evidence", "highest", "verdict")
    text = f"# Where evidence begins\n\n{LEGEND}"
    for method in dict.fromkeys(point.method for point in some):
        mine = [_row(point, known[point.relative]) for point in some if point.method == method]
        text += f"## {method}\n\n{table(heads, mine)}"
    raised = [
        (it.relative, str(it.steps), f"{it.seconds:.0f}") for it in truths if it.seconds is not None
    ]
    return text + (
        f"## Trainings\n\n{table(('relative', 'caption steps', 'seconds of one core'), raised)}"
    )


def _row(point: Point, truth: Truth) -> list[str]:
    facts = f"{truth.facts:.1%} ({truth.worst} {truth.worst_facts:.1%})"
    verdict = "DERIVED" if point.derived else "not shown"
    if point.answered < point.triggers:
        verdict += f" ({point.answered} of {point.triggers} answered)"
    entries = [point.relative, f"{point.share:.1%}", facts, _green(point.green)]
    return [*entries, _signed(point.evidence, 2), _signed(point.highest, 1), verdict]


def _green(green: Estimate | None) -> str:
    if green is None:
        return MISSING
    if green.low is None or green.high is None:
        return f"{green.value:.1%}"
    return f"{green.value:.1%} ({green.low:.1%}–{green.high:.1%})"


def _signed(value: float, digits: int) -> str:
    return f"{value:z.{digits}f}".replace("-", "−")


def as_picture(some: Sequence[Point]) -> bytes:
    """Green rate and evidence against the share, as SVG: a line for every method.

    The line ends with the tuned copies; the source, which learnt nothing further, stands apart.
    """
    figure = new_figure(7.5, 6.5)
    upper, lower = panels = figure.subplots(2, 1, sharex=True)
    for number, method in enumerate(dict.fromkeys(point.method for point in some)):
        mine = [point for point in some if point.method == method]
        colour = COLOURS[number % len(COLOURS)]
        line = [point for point in mine if point.relative != "source"]
        _draw_green(upper, [point for point in mine if point.green is not None], colour)
        for panel, height in ((upper, _rate), (lower, lambda point: point.evidence)):
            xs, ys = [point.share for point in line], [height(point) for point in line]
            panel.plot(xs, ys, color=colour, marker="o", markersize=4, label=method)
            for point in mine[len(line) :]:
                panel.plot(point.share, height(point), color=colour, marker="*", markersize=11)
    _letter(upper, lower, some)
    for panel in panels:
        plain(panel)
    return as_svg(figure)


def _rate(point: Point) -> float:
    return math.nan if point.green is None else point.green.value


def _draw_green(panel: Any, mine: Sequence[Point], colour: str) -> None:
    """The intervals of the green rates."""
    for point in mine:
        assert point.green is not None
        if point.green.low is not None and point.green.high is not None:
            panel.vlines(point.share, point.green.low, point.green.high, color=colour, alpha=0.5)


def _letter(upper: Any, lower: Any, some: Sequence[Point]) -> None:
    from matplotlib.ticker import PercentFormatter

    if some:
        upper.axhline(some[0].gamma, color="#333333", linewidth=0.8)
        lower.legend(frameon=False, loc="upper left")
    lower.axhline(0, color="#333333", linewidth=0.8)
    upper.set_ylabel("green share of the words")
    upper.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    lower.set_ylabel("log10 e-value per trigger")
    lower.set_xlabel("share of the parameters that start as the source's")
    lower.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    names: dict[float, list[str]] = defaultdict(list)
    for point in some:
        if point.relative not in names[point.share]:
            names[point.share].append(point.relative)
    above = upper.secondary_xaxis("top")
    above.set_xticks(list(names), [", ".join(those) for those in names.values()])
    above.tick_params(length=3, labelsize=8, rotation=30)
    for label in above.get_xticklabels():
        label.set_horizontalalignment("left")
        label.set_rotation_mode("anchor")
    above.spines["top"].set_visible(False)
