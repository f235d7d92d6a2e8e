from math import comb, exp, log, log10

import numpy as np
import pytest

from sif.errors import UsageError
from sif.marks.bits import BitEvidence, FairBits
from sif.ownership.policy import TILTS

WORD = FairBits(bits=32)


@pytest.mark.parametrize(
    ("threshold", "chance"),
    [(0, 2.3e-10), (2, 1.2e-7), (4, 9.7e-6), (5, 5.7e-5), (6, 2.7e-4), (7, 1.05e-3)],
)
def test_chances_of_few_wrong_bits_are_the_known_ones(threshold: int, chance: float) -> None:
    assert WORD.false_positive_rate(threshold) == pytest.approx(chance, rel=0.03)


@pytest.mark.parametrize(
    ("rate", "threshold"), [(1e-3, 6), (1.1e-3, 7), (1e-4, 5), (1e-5, 4), (2.4e-10, 0)]
)
def test_the_threshold_is_the_largest_within_the_rate(rate: float, threshold: int) -> None:
    assert WORD.threshold(rate) == threshold


def test_no_threshold_is_small_enough_for_too_few_bits() -> None:
    assert FairBits(bits=8).threshold(1e-3) is None


@pytest.mark.parametrize("tilt", TILTS)
def test_an_e_value_has_mean_one_under_fair_bits(tilt: float) -> None:
    mean = sum(
        comb(32, k) / 2**32 * exp(WORD.log_e_values(k, np.array([tilt]))[0]) for k in range(33)
    )
    assert mean == pytest.approx(1.0, abs=1e-12)


def test_the_p_value_of_the_sum_is_the_binomial_tail() -> None:
    tail = sum(comb(64, k) for k in range(45, 65)) / 2**64
    assert WORD.log_p_value_of_sum([25, 20]) == pytest.approx(log(tail), rel=1e-9)
    assert WORD.log_p_value_of_sum([32] * 40) == pytest.approx(-40 * 32 * log(2.0))


def test_the_running_e_value_is_the_mixture_of_products() -> None:
    evidence = BitEvidence(WORD)
    for matches in (30, 28, 31):
        evidence.add(matches)
    products = [exp(tilt * 89 - 96 * (np.logaddexp(0.0, tilt) - log(2.0))) for tilt in TILTS]
    assert evidence.log10_e_value == pytest.approx(log10(sum(products) / len(TILTS)))
    assert evidence.matches == 89 and evidence.images == 3


def test_one_image_without_errors_is_proof() -> None:
    evidence = BitEvidence(WORD, alpha=1e-6)
    evidence.add(32)
    assert evidence.independence_refuted
    assert evidence.p_value <= 1e-6


def test_the_highest_value_counts_whatever_comes_after() -> None:
    evidence = BitEvidence(WORD)
    evidence.add(32)
    best = evidence.highest
    evidence.add(2)
    assert evidence.highest == best > evidence.log10_e_value


def test_fair_bits_are_called_a_copy_no_more_often_than_alpha() -> None:
    """2,000 suspects of 40 images: at α = 5% at most 5%, within four standard errors."""
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(2000):
        evidence = BitEvidence(WORD, alpha=0.05)
        for matches in rng.binomial(32, 0.5, 40):
            evidence.add(int(matches))
        called += evidence.independence_refuted
    assert 0 < called <= 2000 * 0.05 + 4 * (2000 * 0.05) ** 0.5


@pytest.mark.parametrize("matches", [-1, 33])
def test_impossible_counts_are_refused(matches: int) -> None:
    with pytest.raises(UsageError, match="0 to 32 matching bits"):
        BitEvidence(WORD).add(matches)


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1 bit"):
        FairBits(bits=0)
    with pytest.raises(UsageError, match=r"between 0 and 0\.5"):
        BitEvidence(WORD, alpha=0.7)
    with pytest.raises(UsageError, match="between 0 and 1"):
        WORD.threshold(1.0)
