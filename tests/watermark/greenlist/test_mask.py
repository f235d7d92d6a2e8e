import time

import numpy as np
import pytest
from scipy.stats import hypergeom

from sif.errors import UsageError
from sif.watermark.greenlist.mask import _smallest, green_mask, green_size
from sif.watermark.keys import KeyRing

KEY = KeyRing(bytes(32)).key("mask")


@pytest.mark.parametrize("vocabulary_size", [4, 99, 100, 1031, 32064, 151_665, 300_000])
@pytest.mark.parametrize("gamma", [0.25, 0.29, 0.5, 0.7, 0.999])
def test_exactly_the_floor_of_gamma_times_v_ids_are_green(
    vocabulary_size: int, gamma: float
) -> None:
    mask = green_mask(KEY, vocabulary_size=vocabulary_size, gamma=gamma)
    thousandths = round(gamma * 1000)
    assert mask.shape == (vocabulary_size,)
    assert int(mask.sum()) == thousandths * vocabulary_size // 1000


def test_binary_rounding_does_not_lose_a_green_id() -> None:
    assert int(0.29 * 100) == 28
    assert green_size(100, 0.29) == 29


def test_equal_numbers_go_to_the_smaller_ids() -> None:
    numbers = np.array([7, 3, 7, 7, 1, 7], dtype="<u8")
    assert np.flatnonzero(_smallest(numbers, 4)).tolist() == [0, 1, 2, 4]


def test_the_largest_vocabularies_take_a_fraction_of_a_second() -> None:
    begun = time.perf_counter()
    green_mask(KEY, vocabulary_size=300_000, gamma=0.5)
    assert time.perf_counter() - begun < 0.5


def test_counts_over_keys_have_hypergeometric_moments() -> None:
    vocabulary_size, scored, keys = 500, 60, 4000
    ring, ids = KeyRing(bytes(32)), np.arange(3, 3 + 4 * scored, 4)
    counts = np.array(
        [
            green_mask(ring.key(str(i)), vocabulary_size=vocabulary_size, gamma=0.3)[ids].sum()
            for i in range(keys)
        ]
    )
    null = hypergeom(vocabulary_size, 150, scored)
    assert abs(counts.mean() - null.mean()) < 4 * null.std() / keys**0.5
    assert abs(counts.var() / null.var() - 1) < 4 * (2 / keys) ** 0.5
    for quantile in (0.1, 0.5, 0.9):
        bound = null.ppf(quantile)
        expected = null.cdf(bound)
        assert abs((counts <= bound).mean() - expected) < 4 * (expected / keys) ** 0.5


def test_lists_of_different_keys_are_unrelated() -> None:
    ring = KeyRing(bytes(32))
    one, other = (green_mask(ring.key(x), vocabulary_size=100_000, gamma=0.5) for x in "ab")
    assert abs(int((one & other).sum()) - 25_000) < 5 * 80


@pytest.mark.parametrize("gamma", [0.0, 1.0, -0.5, 2.0, float("nan")])
def test_a_gamma_outside_0_to_1_is_refused(gamma: float) -> None:
    with pytest.raises(UsageError, match="expected gamma between 0 and 1"):
        green_mask(KEY, vocabulary_size=100, gamma=gamma)


@pytest.mark.parametrize(("size", "gamma"), [(1, 0.5), (0, 0.5), (-3, 0.5), (3, 0.25)])
def test_vocabularies_without_a_green_id_are_refused(size: int, gamma: float) -> None:
    with pytest.raises(UsageError):
        green_mask(KEY, vocabulary_size=size, gamma=gamma)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a key of 32 bytes, got 3"):
        green_mask(b"abc", vocabulary_size=100, gamma=0.5)
