"""100,000 simulated audits: the promise that the ownership statistics make, kept."""

import numpy as np
import pytest

from sif.eval.ownership.corpus import ENGLISH, OWNER, TextSet, load_corpus
from sif.eval.ownership.draws import draw_greens, keyed_greens
from sif.eval.ownership.false_claims import calibrate, check_p_values, highest_log10_e_values
from sif.ownership import Evidence, Observation, Policy
from sif.watermark.greenlist import GreenCount
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


def evidence_of(texts: TextSet, counts: list[tuple[int, int]]) -> Evidence:
    null = texts.null
    evidence = Evidence(
        vocabulary_size=null.vocabulary_size, green_size=null.green_size, policy=Policy()
    )
    for number, (green, scored) in enumerate(counts):
        count = GreenCount(green=green, scored=scored)
        evidence.add(Observation(trigger=f"{number}", count=count))
    return evidence


@pytest.mark.parametrize("name", [ENGLISH, OWNER])
@pytest.mark.parametrize("gain", [0, 3, 9])
def test_many_audits_at_once_bet_as_the_package_does(name: str, gain: int) -> None:
    texts = load_corpus()[name]
    greens = draw_greens(texts, 6, np.random.default_rng(gain)) + gain
    highest = highest_log10_e_values(texts.null, np.array([texts.sizes]), greens)
    for row, expected in zip(greens, highest, strict=True):
        counts = list(zip(map(int, row), texts.sizes, strict=True))
        assert evidence_of(texts, counts).highest == pytest.approx(expected, rel=1e-10)


def test_another_order_and_dropped_triggers_bet_as_the_package_does() -> None:
    texts, rng = load_corpus()[OWNER].first(12), np.random.default_rng(4)
    greens = draw_greens(texts, 5, rng) + 4
    order = rng.permuted(np.tile(np.arange(12), (5, 1)), axis=1)
    kept = rng.random((5, 12)) < 0.6
    sizes = np.take_along_axis(np.tile(texts.sizes, (5, 1)), order, axis=1)
    greens = np.take_along_axis(greens, order, axis=1)
    highest = highest_log10_e_values(texts.null, sizes, greens, kept=kept)
    for audit, expected in enumerate(highest):
        rows = zip(greens[audit], sizes[audit], kept[audit], strict=True)
        counts = [(int(green), int(size)) for green, size, counted in rows if counted]
        assert evidence_of(texts, counts).highest == pytest.approx(expected, rel=1e-10)
