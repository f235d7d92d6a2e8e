import numpy as np
import pytest

from sif.errors import UsageError
from sif.networks.threshold import RankRule, choose_threshold, clopper_pearson, conformal_p_value


def test_the_interval_is_that_of_the_published_tables() -> None:
    low, high = clopper_pearson(4, 20)  # a textbook's example
    assert (round(low, 4), round(high, 4)) == (0.0573, 0.4366)
    assert clopper_pearson(0, 10)[0] == 0.0
    assert clopper_pearson(10, 10)[1] == 1.0


def test_no_hit_in_n_bounds_the_rate_by_a_closed_form() -> None:
    assert clopper_pearson(0, 30)[1] == pytest.approx(1 - 0.025 ** (1 / 30))


def test_the_threshold_is_the_largest_score_where_networks_are_few() -> None:
    threshold = choose_threshold([0.1, 0.7, 0.3], 0.05)
    assert (threshold.value, threshold.above, threshold.held_out) == (0.7, 0, 3)
    assert not threshold.reachable


def test_the_threshold_lets_the_stated_share_of_innocents_through_and_no_more() -> None:
    rng, rate, number = np.random.default_rng(0), 0.1, 39
    hits = []
    for _ in range(1500):
        scores = rng.random(number + 1)
        threshold = choose_threshold(scores[:-1].tolist(), rate)
        assert threshold.reachable
        hits.append(scores[-1] > threshold.value)
    assert np.mean(hits) == pytest.approx(rate, abs=0.025)


@pytest.mark.parametrize(
    ("number", "rate", "above"), [(19, 0.05, 0), (38, 0.05, 0), (39, 0.05, 1), (39, 0.1, 3)]
)
def test_as_many_scores_lie_above_as_exchangeability_allows(
    number: int, rate: float, above: int
) -> None:
    threshold = choose_threshold([float(score) for score in range(number)], rate)
    assert (threshold.above, threshold.value) == (above, number - 1 - above)
    assert (above + 1) / (number + 1) <= rate < (above + 2) / (number + 1)


def test_the_upper_bound_covers_the_true_rate_although_the_threshold_was_chosen() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(1000):
        threshold = choose_threshold(rng.random(25).tolist(), 0.1)
        covered.append(threshold.rate_high >= 1 - threshold.value)  # evenly spread scores
    assert np.mean(covered) == pytest.approx(0.975, abs=0.015)


def test_p_values_count_the_suspect_itself() -> None:
    assert conformal_p_value(0.9, [0.1, 0.2, 0.3]) == 0.25
    assert conformal_p_value(0.2, [0.1, 0.2, 0.3]) == 0.75
    assert conformal_p_value(0.0, [0.1, 0.2, 0.3]) == 1.0


def test_p_values_of_exchangeable_innocents_are_valid() -> None:
    rng = np.random.default_rng(2)
    found = [conformal_p_value(s[0], s[1:].tolist()) for s in rng.random((3000, 20))]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.03)


@pytest.mark.parametrize(("scores", "rate"), [([], 0.1), ([0.5], 0.0), ([0.5], 1.0)])
def test_nonsense_is_refused(scores: list[float], rate: float) -> None:
    with pytest.raises(UsageError):
        choose_threshold(scores, rate)


@pytest.mark.parametrize(
    ("references", "wanted", "rate"),
    [(19, 0.05, 0.05), (18, 0.05, 0.0), (38, 0.05, 1 / 39), (99, 0.05, 0.05), (9, 0.35, 0.3)],
)
def test_ranks_reach_only_whole_shares_of_the_references(
    references: int, wanted: float, rate: float
) -> None:
    ranks = RankRule(wanted_rate=wanted, references=references)
    assert ranks.rate == pytest.approx(rate)
    assert ranks.reachable == (rate > 0)
