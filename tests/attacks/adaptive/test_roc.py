import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score, roc_curve

from sif.attacks.adaptive.roc import auc_interval, hits_at, roc_of, threshold_at
from sif.errors import UsageError

RNG = np.random.default_rng(3)
BENIGN, TRIGGERS = RNG.normal(0, 1, 200).round(1), RNG.normal(1, 1, 30).round(1)  # with ties
TRUTH = np.r_[np.zeros(200), np.ones(30)]


def test_the_area_is_that_of_the_library_and_of_mann_and_whitney() -> None:
    area = roc_of(BENIGN, TRIGGERS).auc.value
    assert area == pytest.approx(roc_auc_score(TRUTH, np.r_[BENIGN, TRIGGERS]), abs=1e-12)
    assert area == pytest.approx(mannwhitneyu(TRIGGERS, BENIGN).statistic / 6000, abs=1e-12)


def test_the_curve_is_that_of_the_library() -> None:
    curve = roc_of(BENIGN, TRIGGERS)
    false, true, _ = roc_curve(TRUTH, np.r_[BENIGN, TRIGGERS], drop_intermediate=False)
    assert curve.false_positives == pytest.approx(false, abs=1e-12)
    assert curve.true_positives == pytest.approx(true, abs=1e-12)


def test_the_interval_solves_its_equation() -> None:
    area, triggers, benign = 0.8, 30, 200
    low, high = auc_interval(area, triggers, benign)
    assert 0 < low < area < high < 1
    for theta in (low, high):
        spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
        variance = theta * (1 - theta) * (1 + 114 * spread) / 6000
        assert (theta - area) ** 2 == pytest.approx(1.959964**2 * variance, rel=1e-4)


def test_a_perfect_detector_has_an_interval_too() -> None:
    low, high = auc_interval(1.0, 24, 1000)
    assert high == 1.0
    assert 0.7 < low < 0.99
    assert auc_interval(1.0, 240, 1000)[0] > low
    worst = auc_interval(0.0, 24, 1000)
    assert worst == pytest.approx((0.0, 1 - low), abs=1e-6)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng, truth, held = np.random.default_rng(5), 0.7602499, 0  # Φ(1/√2)
    for _ in range(300):
        auc = roc_of(rng.normal(0, 1, 60), rng.normal(1, 1, 20)).auc
        held += auc.low <= truth <= auc.high
    assert 0.92 <= held / 300 <= 0.99


def test_a_threshold_flags_no_more_than_it_may() -> None:
    scores = np.arange(1000.0)
    for rate, flagged in ((0.0, 0), (0.001, 1), (0.01, 10), (0.0555, 55)):
        assert (scores > threshold_at(scores, rate)).sum() == flagged
    assert (np.zeros(100) > threshold_at(np.zeros(100), 0.05)).sum() == 0


def test_hits_are_counted_above_the_threshold() -> None:
    share = hits_at(np.arange(100.0), np.array([50.0, 98.0, 98.5, 200.0]), 0.01)
    assert share.share == 0.5
    assert share.low < 0.5 < share.high


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(UsageError, match="got 0 and 1"):
        roc_of(np.zeros(0), np.zeros(1))
    with pytest.raises(UsageError, match="from 0 to below 1"):
        threshold_at(np.zeros(3), 1.0)
