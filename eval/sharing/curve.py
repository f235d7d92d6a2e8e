"""The curve of where evidence begins: what relatives give, by how much of the source is in them.

Its points come from the rows of the benchmark of sharing; the table and the picture show them.
Knows nothing of models.
"""

import io
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sif.eval.metrics import Estimate, evidence_per_trigger, green_excess, highest_evidence
from sif.eval.sharing.sharing import Told, Truth
from sif.eval.triggers.figures import ALPHA
from sif.eval.triggers.plots import COLOURS
from sif.ownership.null import HypergeometricNull
from sif.watermark.greenlist.count import GreenCount

LEGEND: Final = (
    "Relatives start with part of the source's weights, not frozen, and learn the rest anew from "
    "other initial weights and other scenes of the same world; `sibling-b` shares nothing, "
    "`full-same` is a copy tuned further on other scenes. Share: of the parameters that start as "
    "the source's. Facts: right statements about unseen scenes, the mean over kinds, and the "
    "worst kind. Green: share of all scored words, with a 95% interval that takes each trigger as "
    "one. Evidence: log10 of the e-value, for each trigger. Highest: the largest log10 e-value on "
    "the way through the triggers; DERIVED where it reached 6.\n\n"
)


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
        groups[row.method, row.relative].append(row)
    return [_point(group) for group in groups.values()]


def _point(group: Sequence[Told]) -> Point:
    first = group[0]
    null = HypergeometricNull(vocabulary_size=first.vocabulary_size, green_size=first.green_size)
    counts = [
        GreenCount(green=row.green, scored=row.scored)
        for row in group
        if row.green is not None and row.scored
    ]
    return Point(
        method=first.method,
        relative=first.relative,
        share=first.share,
        triggers=len(group),
        answered=sum(row.answered for row in group),
        green=green_excess([[count] for count in counts], gamma=0.0),
        gamma=first.green_size / first.vocabulary_size,
        evidence=evidence_per_trigger(counts, null) * len(counts) / len(group),
        highest=highest_evidence(counts, null),
    )


def as_markdown(some: Sequence[Point], truths: Sequence[Truth]) -> str:
    """A table for every method, and what the relatives cost, for people.

    Args:
        some: points of the curve.
        truths: how truthful the relatives are.
    """
    known = {truth.relative: truth for truth in truths}
    text = ["# Where evidence begins\n\n", LEGEND]
    for method in dict.fromkeys(point.method for point in some):
        text += [
            f"## {method}\n\n",
            "| relative | share | facts | green | evidence | highest | verdict |\n",
            "|---|---|---|---|---|---|---|\n",
            *(_row(point, known[point.relative]) for point in some if point.method == method),
            "\n",
        ]
    raised = [truth for truth in truths if truth.seconds is not None]
    text += [
        "## Trainings\n\n",
        "| relative | caption steps | seconds of one core |\n",
        "|---|---|---|\n",
    ]
    text += [f"| {it.relative} | {it.steps} | {it.seconds:.0f} |\n" for it in raised]
    return "".join(text)


def _row(point: Point, truth: Truth) -> str:
    facts = f"{truth.facts:.1%} ({truth.worst} {truth.worst_facts:.1%})"
    verdict = "DERIVED" if point.derived else "not shown"
    if point.answered < point.triggers:
        verdict += f" ({point.answered} of {point.triggers} answered)"
    entries = [point.relative, f"{point.share:.1%}", facts, _green(point.green)]
    entries += [_signed(point.evidence, 2), _signed(point.highest, 1), verdict]
    return f"| {' | '.join(entries)} |\n"


def _green(green: Estimate | None) -> str:
    if green is None:
        return "–"
    if green.low is None or green.high is None:
        return f"{green.value:.1%}"
    return f"{green.value:.1%} ({green.low:.1%}–{green.high:.1%})"


def _signed(value: float, digits: int) -> str:
    return f"{value:z.{digits}f}".replace("-", "−")


def as_picture(some: Sequence[Point]) -> bytes:
    """Green rate and evidence against the share, as SVG: a line for every method.

    The line ends with the tuned copies; the source, which learnt nothing further, stands apart.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
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
        panel.grid(color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


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
