"""The geometry of evidence curves and bars, in per cent of a plot that stretches with the page.

Knows nothing of HTML or colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final, NamedTuple

from sif.ownership.verdict import Verdict
from sif.report.page import SuspectView

STEPS: Final = (1, 2, 5, *(step * 10**power for power in range(6) for step in (10, 20, 25, 50)))
MOST_TICKS: Final = 7
MOST_POINTS: Final = 400
"""Of a curve: more than a screen has columns for."""


class Tick(NamedTuple):
    """A labelled place on an axis, in per cent from the left or from the top."""

    place: float
    label: int


class Bar(NamedTuple):
    """The highest evidence as a bar from zero, and where the threshold lies; in per cent."""

    width: float
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One suspect's evidence after every trigger.

    Attributes:
        points: as SVG's polyline takes them.
        end: the last of them.
        threshold: place of the suspect's own threshold, from the top.
    """

    points: str
    end: tuple[float, float]
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All curves in one frame with its ticks, and a bar for every suspect."""

    across: tuple[Tick, ...]
    down: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    bars: tuple[Bar, ...]

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The different thresholds' places; one where all suspects share a policy."""
        return tuple(sorted({curve.threshold for curve in self.curves}))


def chart(suspects: Sequence[SuspectView]) -> Chart:
    """Lays out the evidence of all suspects in one common frame."""
    verdicts = [suspect.verdict for suspect in suspects]
    limits = [threshold(verdict) for verdict in verdicts]
    low, high = _frame([value for verdict in verdicts for value in _running(verdict)] + limits)
    longest = max([1, *(len(verdict.per_trigger) for verdict in verdicts)])
    highest = max([1.0, *limits, *(verdict.log10_e_value for verdict in verdicts)])
    return Chart(
        across=tuple(Tick(100 * n / longest, n) for n in _ticks(0.0, float(longest))),
        down=tuple(Tick(_down(float(n), low, high), n) for n in _ticks(low, high)),
        curves=tuple(_curve(verdict, longest, low, high) for verdict in verdicts),
        bars=tuple(_bar(verdict, highest) for verdict in verdicts),
    )


def threshold(verdict: Verdict) -> float:
    """The power of ten from which on the evidence makes the decision `derived`."""
    return -log10(verdict.alpha)


def _running(verdict: Verdict) -> list[float]:
    return [0.0, *(record.log10_e_value for record in verdict.per_trigger)]


def _frame(values: Sequence[float]) -> tuple[float, float]:
    low, high = min([0.0, *values]), max([1.0, *values])
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def _curve(verdict: Verdict, longest: int, low: float, high: float) -> Curve:
    points = [
        (round(100 * number / longest, 2), round(_down(value, low, high), 2))
        for number, value in enumerate(_running(verdict))
    ]
    return Curve(
        points=" ".join(f"{x:g},{y:g}" for x, y in _thinned(points)),
        end=points[-1],
        threshold=round(_down(threshold(verdict), low, high), 2),
    )


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same line for the eye: the lowest and highest of every few neighbours, and the ends."""
    if len(points) <= MOST_POINTS:
        return points
    width = ceil(2 * len(points) / MOST_POINTS)
    parts = (points[start : start + width] for start in range(0, len(points), width))
    kept = [
        point
        for part in parts
        for point in sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])})
    ]
    return list(dict.fromkeys((points[0], *kept, points[-1])))


def _bar(verdict: Verdict, highest: float) -> Bar:
    return Bar(
        round(100 * verdict.log10_e_value / (1.04 * highest), 2),
        round(100 * threshold(verdict) / (1.04 * highest), 2),
    )


def _down(value: float, low: float, high: float) -> float:
    return 100 * (high - value) / (high - low)


def _ticks(low: float, high: float) -> list[int]:
    step = next((s for s in STEPS if (high - low) / s <= MOST_TICKS), STEPS[-1])
    return [step * n for n in range(ceil(low / step), floor(high / step) + 1)]
