"""100,000 simulated audits: the promise that the ownership statistics make, kept."""

import numpy as np
import pytest

from sif.eval.ownership.calibration import calibrate, check_p_values
from sif.eval.ownership.corpus import ENGLISH, OWNER, load_corpus
from sif.eval.ownership.draws import draw_greens, keyed_greens
from tests.eval.ownership.believable import believable

AUDITS = 100_000


@pytest.mark.parametrize("name", [ENGLISH, OWNER, "qwen-source"])
def test_false_claims_stay_below_alpha_whenever_asking_stops(name: str) -> None:
    texts = load_corpus()[name].first(50)
    row = calibrate(texts, draw_greens(texts, AUDITS, np.random.default_rng(21)), "drawn")
    assert [rate.audits for rate in row.rates] == [AUDITS] * 3
    for rate in row.rates:
        assert rate.high <= rate.alpha, rate
    assert all(share <= alpha for alpha, share in row.curve if alpha >= 1e-3)


@pytest.mark.parametrize("name", [ENGLISH, OWNER])
def test_exact_p_values_are_uniform(name: str) -> None:
    texts, rng = load_corpus()[name].first(24), np.random.default_rng(22)
    row = check_p_values(texts, draw_greens(texts, AUDITS, rng), "drawn", rng)
    assert row.excess <= row.bound
    assert row.uniform_p > 1e-3
    for rate in row.rates:
        assert believable(rate), rate


def test_both_hold_with_real_keys() -> None:
    texts, rng = load_corpus()[OWNER].first(6), np.random.default_rng(23)
    greens = np.stack(list(keyed_greens(texts, 2000, rng)))
    for rate in calibrate(texts, greens, "real").rates:
        assert believable(rate), rate
    row = check_p_values(texts, greens, "real", rng)
    assert row.excess <= row.bound
    assert row.uniform_p > 1e-3


def test_a_wrong_null_is_noticed() -> None:
    """Counts of texts that lean towards green by one word in sixty."""
    texts, rng = load_corpus()[ENGLISH].first(24), np.random.default_rng(24)
    greens = draw_greens(texts, 20_000, rng) + 1
    assert not all(believable(rate) for rate in calibrate(texts, greens, "drawn").rates)
    assert check_p_values(texts, greens, "drawn", rng).uniform_p < 1e-9
