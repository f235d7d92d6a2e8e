"""Null B: reactions, the bet against transfer, and the bound that an allowance is measured by."""

from collections.abc import Sequence
from functools import cache
from math import e, log, log10

import numpy as np
import pytest

from sif.errors import UsageError
from sif.ownership import Decision, Observation, Policy, judge
from sif.ownership.transfer import (
    BETS,
    WEIGHTS,
    Draw,
    TransferEvidence,
    price_of_order,
    reaction,
    upper_bound,
)
from sif.watermark.greenlist.count import GreenCount


@pytest.mark.parametrize(
    ("green", "scored", "expected"),
    [
        (30, 60, 0.0),
        (20, 60, 0.0),
        (60, 60, 1.0),
        (36, 60, min(0.1 / 0.2, 0.1 * (60 / 0.25) ** 0.5 / 3)),
        (4, 4, 2.0 / 3),  # all of four words: a rate of 1 that luck explains
        (208, 400, 0.02 / 0.2),  # 52% of many words: z = 0.8, but a trifle
        (0, 0, 0.0),
    ],
)
def test_a_reaction_is_an_excess_that_is_large_and_beyond_the_noise(
    green: int, scored: int, expected: float
) -> None:
    count = GreenCount(green=green, scored=scored)
    assert reaction(count, gamma=0.5) == pytest.approx(expected)


@pytest.mark.parametrize("scored", [3, 10, 40, 160])
def test_chance_gives_a_mean_reaction_of_about_a_tenth_whatever_the_length(scored: int) -> None:
    rng = np.random.default_rng(2)
    greens = rng.hypergeometric(500, 500, scored, size=4000)
    mean = np.mean([reaction(GreenCount(green=int(g), scored=scored), gamma=0.5) for g in greens])
    assert 0.05 <= mean <= 0.16


def running(rates: np.ndarray, limit: float) -> np.ndarray:
    """log10 of the mixture's wealth after every rate, for many audits at once (last axis: time)."""
    bets = np.asarray(BETS)
    wealth = np.log1p(bets[:, None, None] * (rates / limit - 1.0)).cumsum(-1)
    wealth = wealth + np.log(WEIGHTS)[:, None, None]
    top = wealth.max(0)
    return np.asarray((np.log(np.exp(wealth - top).sum(0)) + top) / log(10))


def test_the_wealth_is_the_mean_over_the_bets_of_the_products() -> None:
    rates = [0.4, 0.7, 0.55, 1.0, 0.0]
    evidence = TransferEvidence(limit=0.55)
    by_hand = sum(
        weight * np.prod([1 + bet * (rate / 0.55 - 1) for rate in rates])
        for bet, weight in zip(BETS, WEIGHTS, strict=True)
    )
    assert sum(WEIGHTS) == 1.0
    for rate in rates:
        last = evidence.add(rate)
    assert last == pytest.approx(log10(by_hand), abs=1e-12)
    assert evidence.highest >= evidence.log10_e_value == last


def test_the_vectorised_process_of_these_tests_is_the_real_one() -> None:
    rates = np.random.default_rng(0).beta(5, 4, size=(3, 40))
    for row, curve in zip(rates, running(rates, 0.55), strict=True):
        evidence = TransferEvidence(limit=0.55)
        assert [evidence.add(rate) for rate in row] == pytest.approx(list(curve), abs=1e-9)


@pytest.mark.parametrize("alpha", [0.1, 0.01])
@pytest.mark.parametrize("kind", ["fair coins of whole answers", "beta", "means that depend"])
def test_at_most_alpha_of_audits_at_the_limit_ever_reach_one_over_alpha(
    kind: str, alpha: float
) -> None:
    """The hardest nulls: rates that are 0 or 1, and means that follow what came before."""
    rng, limit, audits, length = np.random.default_rng(7), 0.55, 20_000, 60
    if kind == "beta":
        rates = rng.beta(0.55 * 30, 0.45 * 30, size=(audits, length))
    elif kind == "fair coins of whole answers":
        rates = (rng.random((audits, length)) < limit).astype(float)
    else:
        rates = np.zeros((audits, length))
        for turn in range(length):  # a lower mean after a high rate: still at most the limit
            mean = np.where(rates[:, turn - 1] > 0.5, 0.3, limit) if turn else limit
            rates[:, turn] = rng.random(audits) < mean
    share = (running(rates, limit).max(-1) >= -log10(alpha)).mean()
    assert share <= alpha + 3 * (alpha / audits) ** 0.5
    if kind == "fair coins of whole answers":  # the bound is not slack there
        assert share > alpha / 20


def test_rates_above_the_limit_are_soon_found_out() -> None:
    rates = np.random.default_rng(3).beta(0.72 * 40, 0.28 * 40, size=(500, 40))
    first = (running(rates, 0.55) >= 2.0).argmax(-1) + 1
    assert 12 <= np.median(first) <= 30


@pytest.mark.parametrize("spread", [3.0, 40.0])
def test_the_upper_bound_covers_the_mean_as_often_as_it_says(spread: float) -> None:
    rng, mean, confidence = np.random.default_rng(5), 0.52, 0.9
    bounds = [
        upper_bound(
            list(rng.beta(mean * spread, (1 - mean) * spread, size=24)), confidence=confidence
        )
        for _ in range(600)
    ]
    missed = np.mean(np.asarray(bounds) < mean)
    assert missed <= 1 - confidence + 3 * ((1 - confidence) * confidence / 600) ** 0.5


def test_the_upper_bound_covers_means_that_differ() -> None:
    rng = np.random.default_rng(6)
    means = np.tile([0.3, 0.7], 12)
    missed = [
        upper_bound(list((rng.random(24) < means).astype(float)), confidence=0.9) < means.mean()
        for _ in range(600)
    ]
    assert np.mean(missed) <= 0.1 + 3 * (0.09 / 600) ** 0.5


def test_more_answers_and_less_confidence_make_the_bound_smaller() -> None:
    rates = list(np.random.default_rng(1).beta(20, 20, size=100))
    bounds = [upper_bound(rates[:n], confidence=0.99) for n in (10, 30, 100)]
    assert bounds == sorted(bounds, reverse=True)
    assert upper_bound(rates, confidence=0.9) < bounds[-1]
    assert bounds[-1] > np.mean(rates)


def test_bounds_and_limits_stay_within_their_ranges() -> None:
    assert 0.999 < upper_bound([0.5], confidence=0.9999) <= 1.0
    assert upper_bound([1.0] * 50, confidence=0.99) == pytest.approx(1.0)
    assert 0.0 < upper_bound([0.0] * 50, confidence=0.99) < 0.2
    for limit in (0.0, 1.0, 1.2):
        with pytest.raises(UsageError, match="allowance"):
            TransferEvidence(limit=limit)
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="between 0 and 1"):
            TransferEvidence(limit=0.5).add(rate)
    for wrong in (0.0, 1.0):
        with pytest.raises(UsageError, match="confidence"):
            upper_bound([0.5], confidence=wrong)
    with pytest.raises(UsageError, match="at least one trigger"):
        upper_bound([], confidence=0.9)


def observations(greens: list[int], scored: int = 60) -> list[Observation]:
    return [
        Observation(trigger=f"{number:04}", count=GreenCount(green=green, scored=scored))
        for number, green in enumerate(greens, 1)
    ]


def decide(greens: list[int], allowance: float | None) -> tuple[Decision, str]:
    verdict = judge(
        observations(greens),
        vocabulary_size=1000,
        green_size=500,
        policy=Policy(transfer_allowance=allowance),
    )
    assert (verdict.transfer_log10_e_value is None) == (allowance is None)
    return verdict.decision, verdict.reason


def test_a_calibrated_claim_needs_both_nulls_refuted() -> None:
    assert decide([43] * 5, None)[0] == Decision.DERIVED
    decision, reason = decide([43] * 5, 0.4)
    assert decision == Decision.INCONCLUSIVE
    assert "is not excluded as the reason" in reason
    decision, reason = decide([43] * 12, 0.4)
    assert decision == Decision.DERIVED
    assert "up to 40% of a full reaction) does not explain it either" in reason
    assert decide([43] * 12, 0.9)[0] == Decision.INCONCLUSIVE


def test_with_an_allowance_a_sibling_that_reacts_a_little_is_not_accused() -> None:
    """58% green on 60 triggers refutes independence; it does not refute transfer that far."""
    assert decide([35] * 60, None)[0] == Decision.DERIVED
    assert decide([35] * 60, 0.45)[0] == Decision.INCONCLUSIVE


@pytest.mark.parametrize("greens", [[43] * 5, [43] * 40, [30] * 30, [30] * 3])
def test_every_reason_stays_one_sentence(greens: list[int]) -> None:
    reason = decide(greens, 0.4)[1]
    assert reason.endswith(".")
    assert ". " not in reason


def test_the_match_rate_counts_triggers_above_every_unrelated_model() -> None:
    seen = observations([43, 43, 30, 20])
    highest = {"0001": 1.0, "0002": 9.0, "0003": -1.0}
    verdict = judge(
        seen, vocabulary_size=1000, green_size=500, policy=Policy(), highest_unrelated=highest
    )
    assert verdict.match_rate == pytest.approx(2 / 3)
    assert verdict.match_interval == pytest.approx((0.0943, 0.9916), abs=1e-4)
    plain = judge(seen, vocabulary_size=1000, green_size=500, policy=Policy())
    assert plain.match_rate is plain.match_interval is None
    assert plain.decision == verdict.decision


def best_stop(gains: Sequence[float], most: int | None = None) -> float:
    """The largest expectation of the product that stopping can reach, all orders alike, exactly.

    At most so many of them are seen; all where None.
    """
    unseen = 0 if most is None else len(gains) - most

    @cache
    def value(left: tuple[float, ...]) -> float:
        """Of what is still to come, in units of the wealth so far."""
        if len(left) == unseen:
            return 1.0
        further = [left[i] * value(left[:i] + left[i + 1 :]) for i in range(len(left))]
        return max(1.0, sum(further) / len(left))

    return value(tuple(sorted(gains)))


def test_no_stopping_rule_brings_the_wealth_above_the_price_of_a_drawn_order() -> None:
    rng, largest = np.random.default_rng(8), 0.0
    for triggers in (2, 3, 5, 8, 10):
        for spread in (0.1, 0.3, 1.0, 4.0):
            for _ in range(6):
                gains = rng.gamma(spread, size=triggers)
                found = best_stop(gains / gains.mean())
                assert found <= price_of_order(triggers) + 1e-12
                largest = max(largest, found)
    single = best_stop([2.8] + [7.2 / 9] * 9)  # one that moves everybody, and the rest
    assert 1.2 < single < price_of_order(10)
    assert largest > 1.1  # a price there must be


def test_where_few_are_asked_of_many_the_price_is_smaller_and_still_suffices() -> None:
    rng, largest = np.random.default_rng(9), 0.0
    for triggers, most in ((4, 2), (8, 2), (8, 4), (10, 5), (10, 1), (10, 9)):
        price = price_of_order(triggers, most)
        assert price < price_of_order(triggers)
        for spread in (0.1, 0.3, 1.0, 4.0):
            for _ in range(6):
                gains = rng.gamma(spread, size=triggers)
                found = best_stop(gains / gains.mean(), most)
                assert found <= price + 1e-12
                largest = max(largest, found)
    assert largest > 1.05
    assert price_of_order(10, 10) == price_of_order(10)
    assert price_of_order(10, 1) == 1.0
    assert price_of_order(64, 16) == pytest.approx(1.10, abs=0.005)
    for most in (0, 11):
        with pytest.raises(UsageError, match="1 to 10 triggers"):
            price_of_order(10, most)


@pytest.mark.parametrize(("triggers", "harmonic"), [(1, 0.0), (2, 1.0), (4, 1 + 1 / 2 + 1 / 3)])
def test_the_price_is_one_and_a_share_of_the_harmonic_sum(triggers: int, harmonic: float) -> None:
    assert price_of_order(triggers) == pytest.approx(1 + harmonic / e, rel=1e-15)


def test_in_a_drawn_order_the_price_is_taken_off_once() -> None:
    drawn = TransferEvidence(limit=0.4, draw=Draw(triggers=24, stamped=True))
    plain = TransferEvidence(limit=0.4)
    for seen in (0.9, 1.0, 0.2):
        assert drawn.add(seen) == pytest.approx(plain.add(seen) - log10(price_of_order(24)))
    assert drawn.highest <= plain.highest


def test_no_more_triggers_than_were_drawn_among_react() -> None:
    drawn = TransferEvidence(limit=0.4, draw=Draw(triggers=1, stamped=False))
    drawn.add(0.4)
    with pytest.raises(UsageError, match="the reactions to 1 triggers"):
        drawn.add(0.4)
    with pytest.raises(UsageError, match="at least one trigger"):
        price_of_order(0)
    block = TransferEvidence(limit=0.4, draw=Draw(triggers=8, stamped=True, most=2))
    assert block.add(1.0) > TransferEvidence(limit=0.4, draw=Draw(triggers=8, stamped=True)).add(
        1.0
    )
    block.add(0.4)
    with pytest.raises(UsageError, match="the reactions to 2 triggers"):
        block.add(0.4)


def test_a_drawn_order_needs_its_draw() -> None:
    policy = Policy(order="drawn", transfer_allowance=0.4)
    with pytest.raises(UsageError, match="among which it was drawn"):
        judge([], vocabulary_size=1000, green_size=500, policy=policy)


@pytest.mark.parametrize("stamped", [True, False])
def test_the_verdict_says_what_the_order_was_drawn_from(stamped: bool) -> None:
    policy = Policy(order="drawn", transfer_allowance=0.4)
    seen = observations([43] * 12)
    draw = Draw(triggers=24, stamped=stamped)
    verdict = judge(seen, vocabulary_size=1000, green_size=500, policy=policy, draw=draw)
    assert verdict.decision == Decision.DERIVED
    words = "drawn from the timestamp" if stamped else "drawn from the owner's secret"
    assert words in verdict.reason
    assert ". " not in verdict.reason


def test_in_a_drawn_order_a_trigger_without_an_answer_counts_against_the_claim() -> None:
    """Else below-average triggers could be left out as time-outs."""
    policy, draw = Policy(order="drawn", transfer_allowance=0.4), Draw(triggers=24, stamped=True)
    silent = [
        Observation(trigger=f"x{number}", count=None, queries=1, reason="timed out")
        for number in range(3)
    ]
    found = [
        judge(
            [*gaps, *observations([43] * 8)],
            vocabulary_size=1000,
            green_size=500,
            policy=policy,
            draw=draw,
        ).transfer_log10_e_value
        for gaps in ([], silent)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[1] < found[0] - 0.5
