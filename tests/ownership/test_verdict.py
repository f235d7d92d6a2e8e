import json
from math import isclose, log10

import pytest

from sif.errors import UsageError
from sif.ownership import Decision, Evidence, Observation, Policy, Verdict, judge
from sif.watermark.greenlist.count import GreenCount

CONTRACT = {
    "decision",
    "log10_e_value",
    "p_value",
    "transfer_log10_e_value",
    "alpha",
    "queries",
    "answered",
    "green_rate",
    "match_rate",
    "policy",
    "per_trigger",
}


def observations(*greens: int, scored: int = 60) -> list[Observation]:
    return [
        Observation(trigger=f"{number:04}", count=GreenCount(green=green, scored=scored))
        for number, green in enumerate(greens, 1)
    ]


def unanswered(number: int) -> list[Observation]:
    return [
        Observation(trigger=f"u{i:03}", count=None, queries=3, reason="connection refused")
        for i in range(number)
    ]


def decide(seen: list[Observation], policy: Policy | None = None) -> Verdict:
    return judge(seen, vocabulary_size=1031, green_size=515, policy=policy or Policy())


def test_a_suspect_that_favours_green_words_is_derived() -> None:
    verdict = decide(observations(*[42] * 12))
    assert verdict.decision == Decision.DERIVED
    assert verdict.log10_e_value >= 6.0
    assert verdict.p_value <= verdict.alpha == 1e-6
    assert verdict.green_rate == 0.7


def test_a_suspect_that_does_not_is_not_shown() -> None:
    verdict = decide(observations(*[30, 28, 33, 29, 31, 27] * 3))
    assert verdict.decision == Decision.NOT_SHOWN
    assert verdict.final_log10_e_value < 0.0 <= verdict.log10_e_value
    assert verdict.p_value > 0.05


def test_too_few_answers_are_inconclusive() -> None:
    verdict = decide([*observations(*[30] * 9), *unanswered(20)])
    assert verdict.decision == Decision.INCONCLUSIVE
    assert (verdict.answered, verdict.queries) == (9, 69)
    assert decide(observations(*[30] * 10)).decision == Decision.NOT_SHOWN


def test_empty_answers_are_inconclusive() -> None:
    verdict = decide(observations(*[0] * 30, scored=0))
    assert verdict.decision == Decision.INCONCLUSIVE
    assert verdict.green_rate is verdict.fixed_sample_p_value is None


def test_no_observation_at_all_is_inconclusive() -> None:
    verdict = decide([])
    assert (verdict.decision, verdict.p_value) == (Decision.INCONCLUSIVE, 1.0)


def test_strong_evidence_needs_no_minimum_of_answers() -> None:
    verdict = decide(observations(60, 60))
    assert verdict.decision == Decision.DERIVED
    assert verdict.answered < verdict.policy.minimum_answers


def test_the_highest_e_value_decides_though_it_falls_later() -> None:
    verdict = decide(observations(*[45] * 12, *[15] * 12))
    assert verdict.decision == Decision.DERIVED
    assert verdict.final_log10_e_value < 6.0 <= verdict.log10_e_value


def test_the_threshold_is_one_over_alpha() -> None:
    seen = observations(*[42] * 12)
    highest = decide(seen).log10_e_value
    for factor, decision in ((1.001, Decision.DERIVED), (0.999, Decision.NOT_SHOWN)):
        assert decide(seen, Policy(alpha=factor * 10**-highest)).decision == decision


def test_stopping_early_gives_the_same_decision() -> None:
    seen = observations(*[42] * 30)
    evidence = Evidence(vocabulary_size=1031, green_size=515, policy=Policy())
    asked = []
    while not evidence.reached:
        asked.append(seen[len(asked)])
        evidence.add(asked[-1])
    assert len(asked) < len(seen)
    assert decide(asked).decision == decide(seen).decision == Decision.DERIVED
    assert decide(asked).log10_e_value == evidence.highest


def test_every_trigger_has_its_record_and_the_curve_ends_at_the_final_value() -> None:
    verdict = decide([*observations(40, 35), *unanswered(1), *observations(20)[:0]])
    first, second, third = verdict.per_trigger
    assert (first.id, first.green, first.scored, first.unanswered) == ("0001", 40, 60, None)
    assert first.p_value is not None
    assert second.p_value is not None
    assert first.p_value < second.p_value < 1.0
    assert (third.green, third.p_value, third.unanswered) == (None, None, "connection refused")
    assert third.log10_e_value == second.log10_e_value == verdict.final_log10_e_value


def test_the_fixed_sample_p_value_is_smaller_than_the_anytime_one() -> None:
    verdict = decide(observations(*[40] * 12))
    assert verdict.fixed_sample_p_value is not None
    assert 0.0 < verdict.fixed_sample_p_value < verdict.p_value
    assert isclose(log10(verdict.p_value), -verdict.log10_e_value, rel_tol=1e-12)


def test_json_has_the_fields_of_the_contract_and_reads_back() -> None:
    verdict = decide([*observations(*[40] * 12), *unanswered(1)])
    text = verdict.model_dump_json()
    assert set(json.loads(text)) >= CONTRACT
    assert json.loads(text)["decision"] == "derived"
    assert Verdict.model_validate_json(text) == verdict


@pytest.mark.parametrize("greens", [[42] * 12, [30] * 12, [30] * 3, []])
def test_the_reason_is_one_sentence_that_admits_the_missing_calibration(
    greens: list[int],
) -> None:
    reason = decide(observations(*greens)).reason
    assert "transfer from independent models was not calibrated" in reason
    assert reason.endswith(".")
    assert ". " not in reason
    assert "\n" not in reason


def test_the_reason_never_understates_the_probability() -> None:
    verdict = decide(observations(*[42] * 12))
    stated = float(verdict.reason.split("at most ")[1].split(" ")[0])
    assert verdict.p_value <= stated <= 1.1 * verdict.p_value
    assert "limit 1e-06" in verdict.reason


def test_a_trigger_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="each trigger once"):
        decide(observations(30) * 2)


def test_more_questions_than_the_budget_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 5 questions"):
        decide(observations(*[30] * 6), Policy(budget=5))


def test_a_count_of_another_vocabulary_is_refused() -> None:
    with pytest.raises(UsageError, match="do not belong together"):
        judge(observations(60), vocabulary_size=100, green_size=50, policy=Policy())
