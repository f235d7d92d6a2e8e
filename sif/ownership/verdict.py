"""The verdict: what the answers of one suspect show, as a pure function of counts and policy.

1. Every trigger's count is added to the evidence, in the order of the fingerprint.
2. DERIVED: the e-value reached 1/α at some point. 3. INCONCLUSIVE: it did not, and too few
answers came. 4. NOT_SHOWN otherwise. Null B (transfer) has its place here and is not tested yet;
every verdict says so. Knows neither models nor words.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Context
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sif.ownership.evidence import Evidence, as_probability
from sif.ownership.figures import GreyBoxFigures, PublishedFigures
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy


class Decision(StrEnum):
    """What was shown about a suspect."""

    DERIVED = "derived"
    NOT_SHOWN = "not_shown"
    INCONCLUSIVE = "inconclusive"


class TriggerRecord(BaseModel):
    """One trigger in the verdict.

    Attributes:
        id: of the trigger.
        green: green ids among the distinct ids of its answers; none if unanswered.
        scored: distinct ids; none if unanswered.
        queries: questions asked with it.
        log10_e_value: of this trigger and all before it.
        p_value: P(this many green or more) for this trigger alone; none if unanswered.
        unanswered: why no answer came; none if one did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    green: int | None
    scored: int | None
    queries: int
    log10_e_value: float
    p_value: float | None
    unanswered: str | None


class Verdict(BaseModel):
    """The outcome of an audit; `model_dump_json()` is the file verdict.json.

    Attributes:
        decision: derived, not_shown or inconclusive.
        reason: the same in one sentence.
        log10_e_value: the highest running e-value; the decision rests on it.
        final_log10_e_value: the e-value after the last trigger.
        p_value: min(1, 1/e-value), valid however the moment of stopping was chosen.
        fixed_sample_p_value: P(ΣH ≥ Σg), exact, but valid only where the number of triggers was
            fixed beforehand; none without answers.
        transfer_log10_e_value: place of null B; none.
        alpha: the bound that the policy set.
        queries: questions asked.
        answered: triggers whose answer held at least one scored word.
        green_rate: green share of all scored ids; none without any.
        match_rate: place of the published FMR; none.
        vocabulary_size: ids of the owner's tokenizer.
        green_size: green ids of every trigger.
        policy: the rules, fixed before the first question.
        per_trigger: in the order of asking.
        published: nominal figures of an imported fingerprint, of which nothing is proven.
        grey_box: evidence in the probabilities, where it was asked for; never decides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    decision: Decision
    reason: str
    log10_e_value: float
    final_log10_e_value: float
    p_value: float
    fixed_sample_p_value: float | None
    transfer_log10_e_value: float | None = None
    alpha: float
    queries: int
    answered: int
    green_rate: float | None
    match_rate: float | None = None
    vocabulary_size: int
    green_size: int
    policy: Policy
    per_trigger: tuple[TriggerRecord, ...]
    published: PublishedFigures | None = None
    grey_box: GreyBoxFigures | None = None


def judge(
    observations: Sequence[Observation], *, vocabulary_size: int, green_size: int, policy: Policy
) -> Verdict:
    """The verdict on one suspect.

    Args:
        observations: one for each trigger asked, in the order that the fingerprint fixes.
        vocabulary_size: V, ids of the owner's tokenizer.
        green_size: green ids of every trigger, of `green_size`.
        policy: the rules, fixed before the first question.

    Raises:
        UsageError: a trigger twice, more questions than the budget, or impossible counts.
    """
    evidence = Evidence(vocabulary_size=vocabulary_size, green_size=green_size, policy=policy)
    records = tuple(_record(observation, evidence) for observation in observations)
    counts = [seen.count for seen in observations if seen.count is not None and seen.informative]
    scored = sum(count.scored for count in counts)
    green_rate = sum(count.green for count in counts) / scored if scored else None
    decision = _decide(evidence)
    return Verdict(
        decision=decision,
        reason=_explain(decision, evidence, asked=len(records), green_rate=green_rate),
        log10_e_value=evidence.highest,
        final_log10_e_value=evidence.log10_e_value,
        p_value=evidence.p_value,
        fixed_sample_p_value=(
            as_probability(evidence.null.log_p_value_of_sum(counts)) if counts else None
        ),
        alpha=policy.alpha,
        queries=evidence.queries,
        answered=evidence.answered,
        green_rate=green_rate,
        vocabulary_size=vocabulary_size,
        green_size=green_size,
        policy=policy,
        per_trigger=records,
    )


def _record(observation: Observation, evidence: Evidence) -> TriggerRecord:
    running = evidence.add(observation)
    count = observation.count
    return TriggerRecord(
        id=observation.trigger,
        green=None if count is None else count.green,
        scored=None if count is None else count.scored,
        queries=observation.queries,
        log10_e_value=running,
        p_value=None if count is None else as_probability(evidence.null.log_p_value(count)),
        unanswered=observation.reason,
    )


def _decide(evidence: Evidence) -> Decision:
    if evidence.reached:
        return Decision.DERIVED
    if evidence.answered < evidence.policy.minimum_answers:
        return Decision.INCONCLUSIVE
    return Decision.NOT_SHOWN


def _explain(
    decision: Decision, evidence: Evidence, *, asked: int, green_rate: float | None
) -> str:
    answered = f"{evidence.answered} of {asked} trigger images"
    expected = evidence.null.green_size / evidence.null.vocabulary_size
    rates = f"{green_rate or 0.0:.1%} green words where chance gives {expected:.1%}"
    chance, limit = rounded_up(evidence.p_value), rounded_up(evidence.policy.alpha)
    match decision:
        case Decision.DERIVED:
            return (
                f"The suspect's answers to {answered} hold {rates}: a model independent of the "
                f"owner's secret key would come this far with a probability of at most {chance} "
                f"(limit {limit}); transfer from independent models was not calibrated."
            )
        case Decision.INCONCLUSIVE:
            return (
                f"The suspect answered {answered}, fewer than the "
                f"{evidence.policy.minimum_answers} needed, so nothing follows either way; "
                "transfer from independent models was not calibrated."
            )
        case Decision.NOT_SHOWN:
            return (
                f"The suspect's answers to {answered} hold {rates}, which does not show that it "
                f"was derived (probability bound {chance}, limit {limit}) and does not show the "
                "opposite; transfer from independent models was not calibrated."
            )


def rounded_up(probability: float) -> str:
    """Two digits, never smaller than the number itself."""
    return f"{float(Context(prec=2, rounding=ROUND_CEILING).create_decimal(repr(probability))):.2g}"
