"""The e-value of keyed targets against closed forms, and over all keys of a tiny list."""

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import comb, exp, isclose, log10

import numpy as np
import pytest
from scipy.stats import binom

from sif.errors import UsageError
from sif.ownership.targets import GRID, TargetEvidence, TargetNull
from sif.watermark.greenlist.count import GreenCount
from sif.watermark.targets import AnswerList

TINY = AnswerList(parts=(("in", "within", "across"), ("this", "my", "your")))
DRAWS = list(product(range(3), repeat=2))
"""What all keys draw, alike often."""
TEXTS = {
    "an answer of the list": ("In this picture", "Across your picture"),
    "always the same": ("Within my picture", "Within my picture"),
    "everything on the list": ("in within across this my your", "your my this across within in"),
    "half of it, then nothing": ("Across it", "No."),
}
NULL = TargetNull(alternatives=3)


def first_said(text: str, target: str) -> GreenCount:
    said = TINY.said(text, target)
    return GreenCount(green=said.hits, scored=said.parts)


def held_somewhere(text: str, target: str) -> GreenCount:
    """The wrong way to count: a part is hit where the answer holds the drawn word anywhere."""
    words = text.casefold().split()
    hits = sum(word in words for word in target.casefold().split())
    return GreenCount(green=hits, scored=TINY.said(text, target).parts)


def running(
    texts: tuple[str, ...], draws: tuple[tuple[int, ...], ...], count: Callable[..., GreenCount]
) -> list[float]:
    evidence = TargetEvidence(NULL)
    return [
        10 ** evidence.add(str(number), count(text, TINY.answer(draw)))
        for number, (text, draw) in enumerate(zip(texts, draws, strict=True))
    ]


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_over_all_keys_the_e_value_has_mean_one_at_every_moment(texts: tuple[str, ...]) -> None:
    paths = np.array([running(texts, draws, first_said) for draws in product(DRAWS, repeat=2)])
    assert np.allclose(paths.mean(axis=0), 1.0, rtol=1e-12)
    best = paths.max(axis=1)
    for value in best:
        assert (best >= value * (1 - 1e-12)).mean() <= 1 / value + 1e-12


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_over_all_keys_a_whole_match_is_one_in_n_at_most(texts: tuple[str, ...]) -> None:
    for text in texts:
        whole = sum(first_said(text, TINY.answer(draw)).green == 2 for draw in DRAWS)
        assert Fraction(whole, len(DRAWS)) <= Fraction(1, 9)


def test_over_all_keys_the_wrong_count_is_caught() -> None:
    texts = TEXTS["everything on the list"]
    paths = np.array([running(texts, draws, held_somewhere) for draws in product(DRAWS, repeat=2)])
    assert paths[:, -1].mean() > 2.0


def test_a_stopping_rule_that_looks_at_every_hit_gains_nothing() -> None:
    """Stops at the first gain, and else goes on to the end."""
    texts = TEXTS["always the same"]
    paths = [running(texts, draws, first_said) for draws in product(DRAWS, repeat=2)]
    stopped = [one if one > 1.0 else two for one, two in paths]
    assert isclose(float(np.mean(stopped)), 1.0, rel_tol=1e-12)


@pytest.mark.parametrize(("alternatives", "parts"), [(2, 5), (4, 7), (64, 1), (7, 3)])
def test_every_bet_has_mean_one_and_its_closed_form(alternatives: int, parts: int) -> None:
    null, n = TargetNull(alternatives=alternatives), alternatives
    means = np.zeros(len(GRID))
    for hits in range(parts + 1):
        bets = np.exp(null.log_bets(GreenCount(green=hits, scored=parts)))
        for bet, (p, f) in zip(bets, GRID, strict=True):
            factor = (1 + f * (n - 1)) ** hits * (1 - f) ** (parts - hits)
            assert isclose(bet, 1 - p + p * factor, rel_tol=1e-9)
        means += comb(parts, hits) * (n - 1) ** (parts - hits) / n**parts * bets
    assert np.allclose(means, 1.0, rtol=1e-12)


def test_nothing_said_is_evidence_of_nothing() -> None:
    silent, evidence = GreenCount(green=0, scored=0), TargetEvidence(NULL)
    assert np.allclose(NULL.log_bets(silent), 0.0, atol=1e-15)
    assert evidence.add("0001", silent) == evidence.add("0002", None) == 0.0
    assert (evidence.answered, evidence.p_value, evidence.p_value_of_all) == (0, 1.0, 1.0)


@pytest.mark.parametrize("alternatives", [2, 3, 64])
def test_probabilities_are_the_binomial_ones(alternatives: int) -> None:
    null = TargetNull(alternatives=alternatives)
    for said in (0, 1, 7, 40):
        expected = binom.pmf(np.arange(said + 1), said, 1 / alternatives)
        assert np.allclose(np.exp(null.log_pmf(said)), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("hits", [0, 3, 10, 21])
def test_the_exact_p_value_is_the_binomial_tail(hits: int) -> None:
    counts = [GreenCount(green=min(7, max(0, hits - 7 * i)), scored=7) for i in range(3)]
    null, evidence = TargetNull(alternatives=4), TargetEvidence(TargetNull(alternatives=4))
    expected = float(binom.sf(hits - 1, 21, 0.25))
    assert isclose(exp(null.log_p_value_of_sum(counts)), expected, rel_tol=1e-9)
    for number, count in enumerate(counts):
        evidence.add(str(number), count)
    assert isclose(evidence.p_value_of_all, expected, rel_tol=1e-9)


@pytest.mark.parametrize("rate", [0.5, 0.7, 0.9])
def test_evidence_grows_nearly_as_fast_as_whoever_knew_the_rate_could_make_it(rate: float) -> None:
    """The relative entropy of the hits to chance bounds it; the grid loses little of that."""
    rng, evidence = np.random.default_rng(5), TargetEvidence(TargetNull(alternatives=4))
    for number in range(400):
        evidence.add(str(number), GreenCount(green=int(rng.binomial(7, rate)), scored=7))
    best = 7 * (rate * log10(rate / 0.25) + (1 - rate) * log10((1 - rate) / 0.75))
    assert 0.9 * best < evidence.log10_e_value / 400 < 1.05 * best


def test_triggers_that_work_or_do_not_pay_though_most_do_not() -> None:
    """Whole answers in one of four: bets on parts alone would lose what the others cost."""
    evidence = TargetEvidence(TargetNull(alternatives=4))
    for number in range(24):
        evidence.add(str(number), GreenCount(green=7 if number % 4 == 0 else 2, scored=7))
    assert evidence.independence_refuted
    assert evidence.p_value < 1e-12


def test_the_decision_rests_on_the_highest_value() -> None:
    evidence = TargetEvidence(TargetNull(alternatives=4), alpha=1e-3)
    evidence.add("0001", GreenCount(green=5, scored=7))
    assert not evidence.independence_refuted
    evidence.add("0002", GreenCount(green=7, scored=7))
    assert evidence.independence_refuted
    highest = evidence.highest
    for number in range(20):
        evidence.add(f"more {number}", GreenCount(green=0, scored=7))
    assert evidence.log10_e_value < 3.0
    assert evidence.highest == highest
    assert isclose(evidence.p_value, 10**-highest)


def test_what_makes_no_sense_is_refused() -> None:
    evidence = TargetEvidence(NULL)
    evidence.add("0001", None)
    with pytest.raises(UsageError, match="once, got '0001' again"):
        evidence.add("0001", None)
    with pytest.raises(UsageError, match="at least 2 words, got 1"):
        TargetNull(alternatives=1)
    with pytest.raises(UsageError, match="alpha between 0 and 1"):
        TargetEvidence(NULL, alpha=1.0)


def test_the_p_value_is_none_for_who_falls_silent_after_hits_and_the_e_value_is_one() -> None:
    """A suspect that is told targets may stop speaking while its sum of hits looks rare."""
    null, level, most = TargetNull(alternatives=4), 0.25, 7
    found = {"p": 0.0, "e": 0.0}

    def go_on(hits: tuple[bool, ...], chance: float) -> None:
        evidence = TargetEvidence(null)
        for number in range(most):
            said = number < len(hits)
            count = GreenCount(green=int(hits[number]), scored=1) if said else None
            evidence.add(str(number), count)
        if hits and (evidence.p_value_of_all <= level or len(hits) == most):
            found["p"] += chance * (evidence.p_value_of_all <= level)
            found["e"] += chance * (evidence.highest >= log10(1 / level))
            return
        go_on((*hits, True), chance / 4)
        go_on((*hits, False), chance * 3 / 4)

    go_on((), 1.0)
    assert found["p"] > 0.29
    assert found["e"] <= level
