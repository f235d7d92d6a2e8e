from itertools import product
from math import comb, isclose

import numpy as np
import pytest

from sif.errors import UsageError
from sif.ownership.evidence import Evidence
from sif.ownership.logspace import as_probability
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.watermark.greenlist.count import GreenCount


def observe(number: int, green: int, scored: int = 60, queries: int = 1) -> Observation:
    return Observation(
        trigger=f"{number:04}", count=GreenCount(green=green, scored=scored), queries=queries
    )


def begin(policy: Policy | None = None, vocabulary_size: int = 1000) -> Evidence:
    return Evidence(
        vocabulary_size=vocabulary_size,
        green_size=vocabulary_size // 2,
        policy=policy or Policy(),
    )


def test_the_mixture_has_mean_one_after_several_triggers() -> None:
    sizes, mean = (3, 5, 4), 0.0
    for greens in product(*(range(size + 1) for size in sizes)):
        evidence, chance = begin(vocabulary_size=20), 1.0
        for number, (green, scored) in enumerate(zip(greens, sizes, strict=True)):
            evidence.add(observe(number, green, scored))
            chance *= comb(10, green) * comb(10, scored - green) / comb(20, scored)
        mean += chance * 10**evidence.log10_e_value
    assert isclose(mean, 1.0, rel_tol=1e-12)


def test_the_order_of_triggers_does_not_change_the_final_e_value() -> None:
    greens = np.random.default_rng(1).integers(25, 50, 12)
    finals = []
    for order in (range(12), reversed(range(12))):
        evidence = begin()
        for number in order:
            evidence.add(observe(number, int(greens[number])))
        finals.append(evidence.log10_e_value)
    assert isclose(*finals, rel_tol=1e-12)


def test_an_unanswered_trigger_changes_nothing_but_the_queries() -> None:
    evidence = begin()
    before = evidence.add(observe(0, 40))
    after = evidence.add(Observation(trigger="x", count=None, queries=3, reason="timed out"))
    assert after == before
    assert (evidence.queries, evidence.answered) == (4, 1)


def test_an_answer_without_scored_words_is_no_answer() -> None:
    evidence = begin()
    assert evidence.add(observe(0, 0, 0)) == 0.0
    assert evidence.answered == 0


def test_the_highest_value_is_kept_when_evidence_falls_again() -> None:
    evidence = begin(Policy(alpha=1e-3))
    number = 0
    while not evidence.reached:
        evidence.add(observe(number, 45))
        number += 1
    highest, p_value = evidence.highest, evidence.p_value
    for more in range(number, number + 20):
        evidence.add(observe(more, 20))
    assert evidence.log10_e_value < 0.0
    assert evidence.reached
    assert (evidence.highest, evidence.p_value) == (highest, p_value)
    assert isclose(p_value, 10**-highest)


def test_without_answers_the_p_value_is_one() -> None:
    assert begin().p_value == 1.0
    assert not begin().reached


def test_a_probability_is_never_rounded_to_zero() -> None:
    assert 0.0 < as_probability(-1e6) < 1e-307
    assert as_probability(1e-9) == 1.0


def test_a_trigger_counts_once() -> None:
    evidence = begin()
    evidence.add(observe(0, 40))
    with pytest.raises(UsageError, match="each trigger once"):
        evidence.add(observe(0, 40))
    assert evidence.queries == 1


def test_the_budget_is_kept() -> None:
    evidence = begin(Policy(budget=3, repeats=2))
    evidence.add(observe(0, 40, queries=2))
    with pytest.raises(UsageError, match="at most 3 questions"):
        evidence.add(observe(1, 40, queries=2))
    assert evidence.add(observe(1, 40, queries=1)) > 0.0


@pytest.mark.parametrize("fields", [{"count": None}, {"reason": "late"}, {"queries": -1}])
def test_an_observation_is_answered_or_not(fields: dict[str, object]) -> None:
    whole: dict[str, object] = {"count": GreenCount(green=1, scored=2), **fields}
    with pytest.raises(UsageError, match="expected"):
        Observation(trigger="0001", **whole)  # type: ignore[arg-type]
