from fractions import Fraction
from itertools import product
from math import comb, exp, inf, isclose, log

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import hypergeom, norm

from sif.errors import UsageError
from sif.ownership.null import HypergeometricNull
from sif.ownership.policy import TILTS
from sif.watermark.greenlist.count import GreenCount

GRID = np.array(TILTS)
SIZES = [(500, 250, 60), (1031, 515, 90), (32064, 8016, 200), (300_000, 150_000, 700)]
SIZES += [(300_000, 30_000, 1), (300_000, 150_000, 0), (7, 5, 4), (7, 2, 7), (2, 1, 2)]


def null_of(vocabulary_size: int, green_size: int) -> HypergeometricNull:
    return HypergeometricNull(vocabulary_size=vocabulary_size, green_size=green_size)


def exact_pmf(null: HypergeometricNull, scored: int) -> dict[int, Fraction]:
    red, total = null.vocabulary_size - null.green_size, comb(null.vocabulary_size, scored)
    return {
        green: Fraction(comb(null.green_size, green) * comb(red, scored - green), total)
        for green in range(max(0, scored - red), min(scored, null.green_size) + 1)
    }


@pytest.mark.parametrize(("vocabulary", "green", "scored"), SIZES)
def test_probabilities_are_the_binomial_ratios(vocabulary: int, green: int, scored: int) -> None:
    null = null_of(vocabulary, green)
    exact = exact_pmf(null, scored)
    assert list(null.support(scored)) == list(exact)
    logs = [log(chance.numerator) - log(chance.denominator) for chance in exact.values()]
    np.testing.assert_allclose(null.log_pmf(scored), logs, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize(("vocabulary", "green", "scored"), SIZES)
def test_e_values_have_mean_one(vocabulary: int, green: int, scored: int) -> None:
    null = null_of(vocabulary, green)
    logs = np.stack(
        [null.log_e_values(GreenCount(green=g, scored=scored), GRID) for g in null.support(scored)]
    )
    reference = hypergeom(vocabulary, green, scored).logpmf(list(null.support(scored)))
    means = np.exp(logsumexp(logs + reference[:, None], axis=0))
    np.testing.assert_allclose(means, 1.0, rtol=1e-8)


def test_the_mean_is_one_in_exact_arithmetic() -> None:
    null = null_of(9, 4)
    exact = exact_pmf(null, 5)
    for tilt, factor in ((log(2), Fraction(2)), (log(3), Fraction(3))):
        moment = sum(chance * factor**green for green, chance in exact.items())
        for green in exact:
            (logged,) = null.log_e_values(GreenCount(green=green, scored=5), np.array([tilt]))
            assert isclose(exp(logged), float(factor**green / moment), rel_tol=1e-13)


def test_no_scored_ids_are_no_evidence() -> None:
    e_values = null_of(500, 250).log_e_values(GreenCount(green=0, scored=0), GRID)
    assert np.array_equal(e_values, np.zeros_like(GRID))
    assert null_of(500, 250).log_p_value(GreenCount(green=0, scored=0)) == 0.0


def test_more_green_is_more_evidence() -> None:
    null = null_of(1031, 515)
    counts = [GreenCount(green=green, scored=80) for green in range(81)]
    e_values = np.stack([null.log_e_values(count, GRID) for count in counts])
    p_values = np.array([null.log_p_value(count) for count in counts])
    assert (np.diff(e_values, axis=0) > 0).all()
    assert (np.diff(p_values) <= 0).all()
    assert (np.diff(p_values)[40:] < 0).all()


@pytest.mark.parametrize(("vocabulary", "green", "scored"), SIZES)
def test_p_values_agree_with_scipy(vocabulary: int, green: int, scored: int) -> None:
    null = null_of(vocabulary, green)
    reference = hypergeom(vocabulary, green, scored)
    for count in list(null.support(scored))[:: max(1, scored // 20)]:
        expected = reference.sf(count - 1)
        if expected > 1e-200:
            ours = null.log_p_value(GreenCount(green=count, scored=scored))
            assert isclose(exp(ours), expected, rel_tol=1e-7)


@pytest.mark.parametrize("sizes", [(3, 5, 2), (1, 1, 6), (7, 0, 4), (4, 4, 4)])
def test_the_p_value_of_the_sum_is_that_of_brute_force(sizes: tuple[int, ...]) -> None:
    null = null_of(11, 4)
    chances: dict[int, Fraction] = {}
    for greens in product(*(exact_pmf(null, scored).items() for scored in sizes)):
        total = sum(green for green, _ in greens)
        chance = Fraction(1)
        for _, part in greens:
            chance *= part
        chances[total] = chances.get(total, Fraction(0)) + chance
    for greens in product(*(null.support(scored) for scored in sizes)):
        expected = sum(chance for total, chance in chances.items() if total >= sum(greens))
        counts = [GreenCount(green=g, scored=u) for g, u in zip(greens, sizes, strict=True)]
        assert isclose(exp(null.log_p_value_of_sum(counts)), float(expected), rel_tol=1e-10)


def test_the_tail_of_a_sum_is_accurate_far_below_the_smallest_double() -> None:
    null, triggers, scored = null_of(200, 100), 60, 20
    weights = [comb(100, green) * comb(100, scored - green) for green in range(scored + 1)]
    exact = [1]
    for _ in range(triggers):
        exact = convolve(exact, weights)
    for total in (540, 599, 600, 601, 700, 900, 1100, 1190, 1199, 1200):
        counts = [
            GreenCount(green=total // triggers + (i < total % triggers), scored=scored)
            for i in range(triggers)
        ]
        expected = log(sum(exact[total:])) - log(sum(exact))
        assert isclose(null.log_p_value_of_sum(counts), expected, rel_tol=1e-10, abs_tol=1e-12)
    assert expected < log(1e-308)


def convolve(one: list[int], other: list[int]) -> list[int]:
    result = [0] * (len(one) + len(other) - 1)
    for i, left in enumerate(one):
        for j, right in enumerate(other):
            result[i + j] += left * right
    return result


def test_one_trigger_alone_has_the_same_p_value_as_in_a_sum() -> None:
    null = null_of(32064, 8016)
    for green in range(0, 121, 5):
        count = GreenCount(green=green, scored=120)
        assert isclose(
            null.log_p_value_of_sum([count]), null.log_p_value(count), rel_tol=1e-9, abs_tol=1e-12
        )


@pytest.mark.parametrize("vocabulary", [500, 300_000])
@pytest.mark.parametrize("gain", [-1, 0, 1, 10])
def test_ten_thousand_triggers_have_a_p_value(vocabulary: int, gain: int) -> None:
    rng = np.random.default_rng(vocabulary)
    null = null_of(vocabulary, vocabulary // 2)
    scored = rng.integers(60, 140, 10_000)
    green = np.clip(rng.hypergeometric(null.green_size, null.green_size, scored) + gain, 0, scored)
    counts = [GreenCount(green=int(g), scored=int(u)) for g, u in zip(green, scored, strict=True)]
    ours = null.log_p_value_of_sum(counts)
    share = vocabulary / (vocabulary - 1) * 0.25
    variance = float(np.sum(share * scored * (1 - scored / vocabulary)))
    z = float(green.sum() - scored.sum() / 2) / variance**0.5
    assert -inf < ours <= 0.0
    if gain > 0:
        assert -0.75 * z**2 < ours < -0.48 * z**2
    else:
        assert isclose(exp(ours), float(norm.sf(z)), abs_tol=0.01)


def test_p_values_are_super_uniform() -> None:
    null, sizes = null_of(500, 150), (30, 41, 55)
    draws = np.random.default_rng(5).hypergeometric(150, 350, sizes, size=(4000, 3))
    sums = draws.sum(axis=1)
    tail: dict[int, float] = {}
    for row in draws[np.unique(sums, return_index=True)[1]]:
        counts = [GreenCount(green=int(g), scored=u) for g, u in zip(row, sizes, strict=True)]
        tail[int(row.sum())] = exp(null.log_p_value_of_sum(counts))
    p_values = np.array([tail[int(total)] for total in sums])
    for level in (0.01, 0.05, 0.2, 0.5):
        assert (p_values <= level).mean() <= level + 3 * (level * (1 - level) / 4000) ** 0.5


@pytest.mark.parametrize(("vocabulary", "green"), [(10, 0), (10, 10), (10, -1)])
def test_impossible_sizes_are_refused(vocabulary: int, green: int) -> None:
    with pytest.raises(UsageError, match="expected fewer green ids"):
        null_of(vocabulary, green)


def test_counts_that_the_sizes_exclude_are_refused() -> None:
    null = null_of(10, 7)
    with pytest.raises(UsageError, match="expected 2 to 5 green among 5"):
        null.log_p_value(GreenCount(green=1, scored=5))
    with pytest.raises(UsageError, match="expected 0 to 10 distinct ids, got 11"):
        null.log_p_value_of_sum([GreenCount(green=5, scored=11)])
