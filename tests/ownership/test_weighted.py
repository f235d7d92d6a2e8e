from itertools import combinations
from math import comb, exp, log
from timeit import repeat

import numpy as np
import pytest

from sif.errors import UsageError
from sif.ownership.null import HypergeometricNull
from sif.ownership.weighted import log_e_values, log_mean_exponential
from sif.watermark.greenlist.count import GreenCount

TILTS = np.asarray([0.1, 0.5, 1.0, 2.0, 4.0])


def by_enumeration(weights: np.ndarray, *, vocabulary: int, size: int, tilt: float) -> float:
    """log E[exp(λS)] over every green list there is."""
    padded = np.concatenate([weights, np.zeros(vocabulary - len(weights))])
    lists = combinations(range(vocabulary), size)
    return log(sum(exp(tilt * padded[list(one)].sum()) for one in lists) / comb(vocabulary, size))


@pytest.mark.parametrize(
    ("vocabulary", "size", "scored"),
    [(6, 3, 3), (8, 2, 5), (9, 7, 6), (10, 5, 10), (10, 1, 4), (7, 3, 1)],
)
def test_the_mean_is_that_of_all_green_lists(vocabulary: int, size: int, scored: int) -> None:
    weights = np.random.default_rng(vocabulary * 100 + scored).gamma(1.0, size=scored)
    null = HypergeometricNull(vocabulary_size=vocabulary, green_size=size)
    expected = [
        by_enumeration(weights, vocabulary=vocabulary, size=size, tilt=tilt) for tilt in TILTS
    ]
    assert log_mean_exponential(weights, null=null, tilts=TILTS) == pytest.approx(
        expected, abs=1e-12
    )


def test_the_mean_of_e_over_all_green_lists_is_exactly_one() -> None:
    weights = np.asarray([0.0, 0.3, 0.3, 1.0, 2.5])
    null = HypergeometricNull(vocabulary_size=9, green_size=4)
    values = []
    for green in combinations(range(9), 4):
        hit = np.asarray([weights[index] for index in green if index < len(weights)])
        values.append(np.exp(log_e_values(hit, weights, null=null, tilts=TILTS)))
    assert np.mean(values, axis=0) == pytest.approx(np.ones(len(TILTS)), abs=1e-12)


@pytest.mark.parametrize("weight", [1.0, 0.25, 3.0])
@pytest.mark.parametrize(("green", "scored"), [(0, 0), (0, 7), (31, 40), (80, 80)])
def test_equal_weights_give_the_unweighted_value(green: int, scored: int, weight: float) -> None:
    null = HypergeometricNull(vocabulary_size=32_000, green_size=16_000)
    values = log_e_values(
        np.full(green, weight), np.full(scored, weight), null=null, tilts=TILTS / weight
    )
    plain = null.log_e_values(GreenCount(green=green, scored=scored), TILTS)
    assert values == pytest.approx(plain, abs=1e-9)


def test_the_mean_of_e_is_one_in_simulated_audits() -> None:
    draws, tilts = 20_000, np.asarray([0.1, 0.3, 0.6])
    random = np.random.default_rng(0)
    weights = random.gamma(0.5, size=30)
    null = HypergeometricNull(vocabulary_size=400, green_size=100)
    mean = log_mean_exponential(weights, null=null, tilts=tilts)
    sums = np.empty(draws)
    for draw in range(draws):
        green = random.permutation(400)[:100]
        sums[draw] = weights[green[green < 30]].sum()
    values = np.exp(tilts * sums[:, None] - mean)
    spread = values.std(axis=0) / np.sqrt(draws)
    assert (np.abs(values.mean(axis=0) - 1.0) < 4 * spread).all()


def test_ids_of_weight_zero_change_nothing() -> None:
    null = HypergeometricNull(vocabulary_size=500, green_size=250)
    weights = np.asarray([0.2, 0.9, 1.4])
    few = log_e_values(weights[:2], weights, null=null, tilts=TILTS)
    padded = np.concatenate([weights, np.zeros(60)])
    green = np.concatenate([weights[:2], np.zeros(25)])
    many = log_e_values(green, padded, null=null, tilts=TILTS)
    assert many == pytest.approx(few, abs=1e-12)


def test_nothing_scored_is_no_evidence() -> None:
    null = HypergeometricNull(vocabulary_size=500, green_size=250)
    assert (log_e_values(np.asarray([]), np.asarray([]), null=null, tilts=TILTS) == 0.0).all()


def test_large_tilts_and_vocabularies_stay_finite() -> None:
    null = HypergeometricNull(vocabulary_size=300_000, green_size=150_000)
    weights = np.random.default_rng(1).uniform(0.0, 1.0, size=160)
    tilts = np.asarray([0.01, 1.0, 20.0])
    for green in (weights, weights[:80], weights[:0]):
        assert np.isfinite(log_e_values(green, weights, null=null, tilts=tilts)).all()
    everything = log_e_values(weights, weights, null=null, tilts=np.asarray([500.0]))
    assert everything == pytest.approx(-null.log_pmf(160)[-1], abs=1.0)


def test_weights_of_another_set_are_refused() -> None:
    null = HypergeometricNull(vocabulary_size=100, green_size=50)
    with pytest.raises(UsageError, match="among those of the scored"):
        log_e_values(np.asarray([0.5, 0.5]), np.asarray([0.5, 0.2]), null=null, tilts=TILTS)


def test_impossible_counts_are_refused() -> None:
    null = HypergeometricNull(vocabulary_size=10, green_size=2)
    with pytest.raises(UsageError, match="0 to 2 green among 4"):
        log_e_values(np.ones(3), np.ones(4), null=null, tilts=TILTS)


def test_infinite_weights_are_refused() -> None:
    null = HypergeometricNull(vocabulary_size=10, green_size=5)
    with pytest.raises(UsageError, match="finite"):
        log_e_values(np.asarray([]), np.asarray([np.inf]), null=null, tilts=TILTS)


def test_eighty_ids_at_ten_tilts_take_milliseconds() -> None:
    null = HypergeometricNull(vocabulary_size=32_000, green_size=16_000)
    weights = np.random.default_rng(2).uniform(size=80)
    tilts = np.linspace(0.1, 2.0, 10)
    times = repeat(
        lambda: log_e_values(weights[:50], weights, null=null, tilts=tilts), number=5, repeat=5
    )
    assert min(times) / 5 < 0.02  # 2 to 3 ms on an idle core
