import numpy as np
import pytest

from sif.eval.metrics import (
    evidence_per_trigger,
    green_excess,
    green_rate,
    highest_evidence,
    mean_of,
    published_matches,
    queries_to_alpha,
    triggers_to_alpha,
)
from sif.ownership.null import HypergeometricNull
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.share import share_of
from sif.ownership.verdict import judge
from sif.watermark.greenlist.count import GreenCount

NULL = HypergeometricNull(vocabulary_size=500, green_size=250)


def counts(*greens: int, scored: int = 40) -> list[GreenCount]:
    return [GreenCount(green=green, scored=scored) for green in greens]


def test_evidence_is_that_of_the_verdict() -> None:
    some = counts(30, 18, 27, 33)
    observations = [
        Observation(trigger=str(index), count=count) for index, count in enumerate(some)
    ]
    verdict = judge(observations, vocabulary_size=500, green_size=250, policy=Policy())
    assert evidence_per_trigger(some, NULL) == pytest.approx(verdict.final_log10_e_value / 4)
    assert evidence_per_trigger([], NULL) == 0.0


def test_equal_triggers_need_the_number_at_which_the_running_value_crosses() -> None:
    some = counts(*[28] * 20)
    observations = [
        Observation(trigger=str(index), count=count) for index, count in enumerate(some)
    ]
    verdict = judge(observations, vocabulary_size=500, green_size=250, policy=Policy())
    crossing = next(
        number
        for number, record in enumerate(verdict.per_trigger, start=1)
        if record.log10_e_value >= 6
    )
    assert 1 < crossing < 20
    assert triggers_to_alpha(some, NULL, alpha=1e-6) == crossing


def test_triggers_that_do_not_suffice_have_no_number() -> None:
    assert triggers_to_alpha(counts(20, 21, 19), NULL, alpha=1e-6) is None
    assert triggers_to_alpha([], NULL, alpha=1e-6) is None


def test_the_order_is_averaged_over() -> None:
    strong_first, strong_last = counts(*[36] * 4, *[20] * 12), counts(*[20] * 12, *[36] * 4)
    first, last = (triggers_to_alpha(s, NULL, alpha=1e-3) for s in (strong_first, strong_last))
    assert first is not None and last is not None
    assert abs(first - last) <= 1


def test_a_match_exceeds_every_innocent_on_the_same_trigger() -> None:
    innocents = [[0.5, 2.0, None], [1.0, -1.0, None]]
    assert published_matches([1.1, 2.0, -3.0], innocents) == [True, False, True]
    assert published_matches([None, 5.0, None], innocents) == [False, True, False]


def test_intervals_are_clopper_pearson() -> None:
    share = share_of(0, 50)
    assert share is not None
    assert share.high == pytest.approx(1 - 0.025 ** (1 / 50))
    assert share.low == share.share == 0.0
    half = share_of(12, 24)
    assert half is not None
    assert half.low == pytest.approx(1 - half.high)
    assert share_of(0, 0) is None


def test_the_green_rate_weighs_words_not_triggers() -> None:
    assert green_rate([*counts(10, scored=10), *counts(0, scored=30)]) == 0.25
    assert green_rate([]) is None
    assert np.isclose(green_rate(counts(20)) or 0, 0.5)


def test_the_highest_evidence_is_that_of_the_verdict() -> None:
    some = counts(33, 36, 30, 5, 6)
    observations = [
        Observation(trigger=str(index), count=count) for index, count in enumerate(some)
    ]
    verdict = judge(observations, vocabulary_size=500, green_size=250, policy=Policy(alpha=1e-99))
    assert highest_evidence(some, NULL) == pytest.approx(verdict.log10_e_value)
    assert verdict.log10_e_value > verdict.final_log10_e_value
    assert highest_evidence([], NULL) == highest_evidence(counts(1, 2), NULL) == 0.0


def test_a_mean_has_students_interval() -> None:
    from scipy.stats import t

    values = [1.0, 2.0, 4.0, 9.0]
    found = mean_of(values)
    low, high = t.interval(0.95, 3, loc=4.0, scale=np.std(values, ddof=1) / 2)
    assert found is not None
    assert found == pytest.approx((4.0, low, high))
    assert mean_of([3.0]) == (3.0, None, None)
    assert mean_of([]) is None


def test_more_suspects_that_say_the_same_make_no_trigger_surer() -> None:
    once = [counts(green) for green in (18, 25, 21, 30, 16)]
    thrice = [counts(*[green] * 3) for green in (18, 25, 21, 30, 16)]
    single, tripled = (green_excess(some, gamma=0.5) for some in (once, thrice))
    plain = mean_of([green / 40 - 0.5 for green in (18, 25, 21, 30, 16)])
    assert single is not None and tripled is not None and plain is not None
    assert single == pytest.approx(plain)
    assert tripled == pytest.approx(single)


def test_the_interval_of_the_green_rate_covers_gamma_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        rates = rng.beta(20, 20, 24)  # one a trigger, shared by its three suspects
        sizes = rng.integers(25, 60, (24, 3))
        clusters = [
            [GreenCount(green=int(rng.binomial(size, rate)), scored=int(size)) for size in some]
            for rate, some in zip(rates, sizes, strict=True)
        ]
        found = green_excess(clusters, gamma=0.5)
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= 0 <= found.high
    assert 0.91 < covered / 400 < 0.985


def test_triggers_without_answers_say_nothing_of_the_green_rate() -> None:
    some = [counts(24), counts(18), counts(22)]
    assert green_excess([*some, [], []], gamma=0.5) == green_excess(some, gamma=0.5)
    assert green_excess([[], []], gamma=0.5) is None


def test_questions_to_the_bound_are_counted_in_order_and_with_those_unanswered() -> None:
    some = [*counts(20), *counts(38) * 5]
    reached = queries_to_alpha(some, NULL, alpha=1e-6)
    assert reached is not None
    assert queries_to_alpha(some[1:], NULL, alpha=1e-6) == 1 < reached
    assert queries_to_alpha([None, *some], NULL, alpha=1e-6) == reached + 1
    assert queries_to_alpha([*some, None], NULL, alpha=1e-6) == reached
    assert queries_to_alpha([*some[: reached - 1], None], NULL, alpha=1e-6) is None
    assert queries_to_alpha([None], NULL, alpha=1e-6) is None
