import numpy as np
import pytest
from scipy.stats import binom

from sif.errors import UsageError
from sif.marks.bits import images_needed
from sif.marks.panels import bound_panel, lower_limit, tail_of_sum, upper_limit


@pytest.mark.parametrize(("total", "bound"), [(50, 0.058), (200, 0.0149), (1000, 0.0030)])
def test_no_hit_bounds_a_rate_as_known(total: int, bound: float) -> None:
    assert upper_limit(0, total, confidence=0.95) == pytest.approx(bound, abs=2e-4)


@pytest.mark.parametrize("hits", [0, 3, 19, 20])
def test_limits_are_those_of_the_binomial_tail(hits: int) -> None:
    low = lower_limit(hits, 20, confidence=0.9)
    high = upper_limit(hits, 20, confidence=0.9)
    assert low == 0.0 if not hits else binom.sf(hits - 1, 20, low) == pytest.approx(0.1)
    assert high == 1.0 if hits == 20 else binom.cdf(hits, 20, high) == pytest.approx(0.1)


def test_equal_chances_give_the_binomial_tail() -> None:
    assert tail_of_sum(np.full(12, 0.3), 7) == pytest.approx(binom.sf(6, 12, 0.3))


def test_unequal_chances_give_the_poisson_binomial_tail() -> None:
    chances = np.array([0.1, 0.5, 0.9])
    assert tail_of_sum(chances, 3) == pytest.approx(0.045)
    assert tail_of_sum(chances, 1) == pytest.approx(1 - 0.9 * 0.5 * 0.1)


def test_certain_and_impossible_events_are_summed_too() -> None:
    assert tail_of_sum(np.array([0.0, 1.0, 0.5]), 2) == pytest.approx(0.5)
    assert tail_of_sum(np.array([0.0, 1.0]), 2) == pytest.approx(0.0, abs=1e-12)


def test_so_many_images_are_needed() -> None:
    needed = images_needed(32, chance=2.7e-4, alpha=1e-6)
    assert needed == 3
    assert binom.sf(2, 32, 2.7e-4) <= 1e-6 < binom.sf(1, 32, 2.7e-4)
    assert images_needed(4, chance=0.3, alpha=1e-6) is None


def test_independent_models_bound_false_detection_by_the_union_of_their_images() -> None:
    bounds = bound_panel("independent", np.zeros((60, 8), bool), needed=3, confidence=0.95)
    each = upper_limit(0, 60, confidence=1 - 0.05 / 8)
    assert bounds.error == pytest.approx(binom.sf(2, 8, each))
    assert bounds.without_independence == pytest.approx(8 * each / 3)
    assert bounds.whole == pytest.approx(upper_limit(0, 60, confidence=0.95))
    assert bounds.wrong == 0
    assert bounds.rate_bound == pytest.approx(upper_limit(0, 480, confidence=0.95))


def test_dependent_models_bound_misdetection() -> None:
    bounds = bound_panel("dependent", np.ones((60, 8), bool), needed=3, confidence=0.95)
    each = lower_limit(60, 60, confidence=1 - 0.05 / 8)
    assert bounds.error == pytest.approx(binom.cdf(2, 8, each))
    assert bounds.wrong == 0
    assert bound_panel("dependent", np.zeros((60, 8), bool), needed=3).error == pytest.approx(1.0)


def test_the_bounds_hold_as_often_as_they_say() -> None:
    """400 panels of 30 models whose images have known chances: at least 95% hold."""
    rng = np.random.default_rng(0)
    chances = rng.uniform(0.0, 0.2, 6)
    truth = tail_of_sum(chances, 3)
    held = sum(
        bound_panel("independent", rng.random((30, 6)) < chances, needed=3).error >= truth
        for _ in range(400)
    )
    assert held >= 380


def test_an_empty_panel_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one model"):
        bound_panel("independent", np.zeros((0, 8), bool), needed=3)
