from math import ceil

import numpy as np
import pytest

from sif.eval.ownership.power import ALPHA, noncentral, power, triggers_needed
from sif.ownership import HypergeometricNull

NULL = HypergeometricNull(vocabulary_size=32_000, green_size=16_000)


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.6, 0.9])
def test_a_copys_counts_have_the_wanted_rate(rate: float) -> None:
    chances = noncentral(NULL, 40, rate)
    assert chances.sum() == pytest.approx(1.0)
    assert chances @ np.arange(41) == pytest.approx(40 * rate)
    binomial = 40 * rate * (1 - rate)  # nearly, in a big vocabulary
    variance = chances @ (np.arange(41) - 40 * rate) ** 2
    assert variance == pytest.approx(binomial, rel=0.01)


def test_the_z_test_needs_what_its_formula_says() -> None:
    row = power(NULL, scored=20, rate=0.6, audits=200, rng=np.random.default_rng(1))
    assert abs(row.z_median - ceil(4.7534**2 * 0.25 / 20 / 0.01)) <= 1
    assert row.exact_median <= row.exact_ninety <= 60
    assert row.z_level == pytest.approx(ALPHA, rel=0.5)


def test_the_e_value_pays_for_stopping_at_any_time_but_not_much() -> None:
    for rate, scored in ((0.6, 40), (0.7, 20), (0.8, 80)):
        row = power(NULL, scored=scored, rate=rate, audits=2000, rng=np.random.default_rng(2))
        assert row.exact_median <= row.median <= 1.5 * row.exact_median + 1
        assert row.median <= row.ninety


def test_greener_and_longer_answers_need_fewer_triggers() -> None:
    rng = np.random.default_rng(3)
    needed = [
        np.median(triggers_needed(NULL, scored=scored, rate=rate, audits=500, rng=rng))
        for scored, rate in ((20, 0.6), (20, 0.7), (40, 0.7), (80, 0.9))
    ]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] == 1
