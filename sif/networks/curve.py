"""How well scores part copies from others: the robustness-uniqueness curve, ARUC and AUC.

Robustness is the share of copies above a threshold, uniqueness the share of independent networks
at or below it (Pan et al., arXiv:2201.07391). Pure functions of scores; knows nothing of networks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sif.errors import UsageError
from sif.plotting import as_svg, new_figure

GRID = 1001


class Point(NamedTuple):
    """Robustness and uniqueness at one threshold."""

    threshold: float
    robustness: float
    uniqueness: float


def curve(
    positives: Sequence[float], negatives: Sequence[float], *, points: int = GRID
) -> list[Point]:
    """Robustness and uniqueness at evenly spaced thresholds from 0 to 1.

    Raises:
        UsageError: no scores on one of the sides.
    """
    copies, others = _sides(positives, negatives)
    return [
        Point(
            threshold=float(threshold),
            robustness=float((copies > threshold).mean()),
            uniqueness=float((others <= threshold).mean()),
        )
        for threshold in np.linspace(0, 1, points)
    ]


def aruc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Area under the smaller of robustness and uniqueness, over thresholds from 0 to 1.

    1 where every copy scores 1 and every other network 0; a narrow gap between the two sides costs
    area even where a threshold parts them without error. Exact for these scores.
    """
    copies, others = _sides(positives, negatives)
    marks = np.unique(np.concatenate([[0.0, 1.0], copies, others]))
    lower = np.array([min((copies > mark).mean(), (others <= mark).mean()) for mark in marks[:-1]])
    return float((lower * np.diff(marks)).sum())


def auc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Probability that a copy outscores an independent network; ties count half."""
    copies, others = _sides(positives, negatives)
    above = (copies[:, None] > others).mean() + (copies[:, None] == others).mean() / 2
    return float(above)


def rate_at_no_false_positive(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Share of copies that outscore every independent network."""
    copies, others = _sides(positives, negatives)
    return float((copies > others.max()).mean())


def draw_curve(
    positives: Sequence[float], negatives: Sequence[float], *, threshold: float | None
) -> bytes:
    """SVG of robustness and uniqueness over the threshold, with the one that was chosen."""
    points = curve(positives, negatives, points=201)
    figure = new_figure(5.2, 3.4)
    axes = figure.add_subplot()
    places = [point.threshold for point in points]
    robust = [point.robustness for point in points]
    unique = [point.uniqueness for point in points]
    axes.step(places, robust, where="post", label="robustness: copies above")
    axes.step(places, unique, where="post", label="uniqueness: others at or below")
    axes.fill_between(
        places, [min(pair) for pair in zip(robust, unique, strict=True)], step="post", alpha=0.15
    )
    if threshold is not None:
        axes.axvline(threshold, color="0.3", linestyle="--", label="chosen threshold")
    axes.set(
        xlabel="threshold",
        ylabel="share of networks",
        ylim=(-0.03, 1.03),
        title=f"ARUC {aruc(positives, negatives):.3f}, AUC {auc(positives, negatives):.3f}",
    )
    axes.legend(fontsize="small")
    return as_svg(figure)


def _sides(positives: Sequence[float], negatives: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    if not len(positives) or not len(negatives):
        raise UsageError(
            f"expected scores of copies and of others, got {len(positives)} and {len(negatives)}"
        )
    return np.asarray(positives, np.float64), np.asarray(negatives, np.float64)
