import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sif.errors import UsageError
from sif.networks.curve import aruc, auc, curve, rate_at_no_false_positive


def test_perfect_scores_fill_the_whole_area() -> None:
    assert aruc([1.0, 1.0], [0.0, 0.0]) == 1.0


def test_a_gap_is_the_area() -> None:
    assert aruc([0.75, 0.75], [0.25, 0.25]) == pytest.approx(0.5)
    assert aruc([0.25], [0.75]) == 0.0


def test_the_area_is_that_of_a_fine_grid() -> None:
    rng = np.random.default_rng(0)
    copies, others = rng.beta(5, 2, 30).tolist(), rng.beta(2, 5, 30).tolist()
    points = curve(copies, others, points=2001)
    grid = np.mean([min(point.robustness, point.uniqueness) for point in points])
    assert aruc(copies, others) == pytest.approx(grid, abs=2e-3)


def test_the_curve_runs_from_all_to_none() -> None:
    points = curve([0.4, 0.6], [0.3, 0.5], points=11)
    assert (points[0].robustness, points[0].uniqueness) == (1.0, 0.0)
    assert (points[-1].robustness, points[-1].uniqueness) == (0.0, 1.0)
    assert (points[5].robustness, points[5].uniqueness) == (0.5, 1.0)


def test_auc_is_sklearns_with_ties() -> None:
    rng = np.random.default_rng(1)
    copies, others = rng.integers(3, 9, 40) / 10, rng.integers(0, 7, 30) / 10
    labels = [1] * 40 + [0] * 30
    assert auc(copies.tolist(), others.tolist()) == pytest.approx(
        roc_auc_score(labels, [*copies, *others])
    )


def test_a_tie_with_an_innocent_is_no_true_positive() -> None:
    assert rate_at_no_false_positive([0.5, 0.9], [0.5, 0.1]) == 0.5


def test_both_sides_are_needed() -> None:
    with pytest.raises(UsageError):
        auc([], [0.1])
