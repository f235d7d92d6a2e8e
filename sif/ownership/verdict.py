"""The verdict: what the answers of one suspect show, as a pure function of counts and policy.

1. Every trigger's count is added to the evidence, in the order of asking.
2. DERIVED: the e-value against independence reached 1/α at some point, and, where the policy has a
transfer allowance, that against transfer reached 1/α_B. 3. INCONCLUSIVE: the first did and the
second did not, or too few answers came. 4. NOT_SHOWN otherwise. Without an allowance transfer is
not tested, and the verdict says so. `sif.ownership.controlled` adds the control. Knows neither
models nor words.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, Context
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_serializer

from sif.ownership.control import ControlFigures
from sif.ownership.evidence import Evidence
from sif.ownership.figures import GreyBoxFigures, PublishedFigures
from sif.ownership.logspace import LOG_10, as_probability
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.share import Share, share_of
from sif.ownership.transfer import Draw
from sif.types import Decision
from sif.validation import without_default
from sif.watermark.greenlist.count import z_score

NO_CLAIM = ("thought", "unanswered", "concessions")
NOT_WHOSE = ", on which the triggers were made; whose that model is does not follow"
BY_TIMESTAMP = "the order of asking having been drawn from the timestamp of the commitment"
BY_SECRET = (
    "the order of asking having been drawn from the owner's secret, which he knew beforehand, so "
    "that this bound is as good as his word"
)


class TriggerRecord(BaseModel):
    """One trigger in the verdict.

    Attributes:
        id: of the trigger.
        green: green ids among the distinct ids of its answers; none if unanswered.
        scored: distinct ids; none if unanswered.
        queries: questions asked with it.
        log10_e_value: of this trigger and all before it.
        transfer_log10_e_value: the same against transfer; none where it is not tested.
        p_value: P(this many green or more) for this trigger alone; none if unanswered.
        unanswered: why no answer came; none if one did.
        contrast: by how much its answers are nearer to the source's than to any reference's, from
            0 to 1; none where that is not tested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    green: int | None
    scored: int | None
    queries: int
    log10_e_value: float
    transfer_log10_e_value: float | None = None
    p_value: float | None
    unanswered: str | None
    contrast: float | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return without_default(handler(self), contrast=None)


class Verdict(BaseModel):
    """What asking a suspect showed; `model_dump_json()` is the file verdict.json.

    Attributes:
        decision: derived, not_shown or inconclusive.
        reason: the same in one sentence.
        log10_e_value: the highest running e-value; the decision rests on it.
        final_log10_e_value: the e-value after the last trigger.
        p_value: min(1, 1/e-value), valid however the moment of stopping was chosen.
        fixed_sample_p_value: P(ΣH ≥ Σg), exact, but valid only where the number of triggers was
            fixed beforehand, and of counts without weights; none without answers.
        transfer_log10_e_value: the highest running e-value against transfer; none where the policy
            has no allowance.
        alpha: the bound that the policy set.
        queries: questions asked.
        answered: triggers whose answer held at least one scored word.
        green_rate: green share of all scored ids; none without any.
        match_rate: the published FMR: share of the answered triggers whose z-score exceeds that of
            every unrelated model on the same trigger; none without a calibration.
        match_interval: of it, exact (Clopper–Pearson), 95%.
        weighted: whether ids counted by the weights of the fingerprint.
        vocabulary_size: ids of the owner's tokenizer.
        green_size: green ids of every trigger.
        policy: the rules, fixed before the first question.
        per_trigger: in the order of asking.
        published: nominal figures of an imported fingerprint, of which nothing is proven.
        grey_box: evidence in the probabilities, where it was asked for; never decides.
        control: what the pictures before they were changed show, where they were asked.
        thought: answers of which what the suspect thinks before it answers was left out; none
            where it was not seen to think. Claims leave it out, as it decides nothing.
        unanswered: questions that got no answer, by the reason, the commonest first; none where
            all were answered. Claims leave it out.
        concessions: answers by what of the question's settings the suspect would not take, in
            words: what was asked without, or under another name. None where it took all. Claims
            leave it out.
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
    match_interval: tuple[float, float] | None = None
    weighted: bool = False
    vocabulary_size: int
    green_size: int
    policy: Policy
    per_trigger: tuple[TriggerRecord, ...]
    published: PublishedFigures | None = None
    grey_box: GreyBoxFigures | None = None
    control: ControlFigures | None = None
    thought: int | None = None
    unanswered: dict[str, int] | None = None
    concessions: dict[str, int] | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        later = dict.fromkeys(("control", *NO_CLAIM))
        return without_default(handler(self), **later)

    def as_claimed(self) -> "Verdict":
        """Without what decides nothing, and is in no claim."""
        return self.model_copy(update=dict.fromkeys(NO_CLAIM))


def judge(
    observations: Sequence[Observation],
    *,
    vocabulary_size: int,
    green_size: int,
    policy: Policy,
    draw: Draw | None = None,
    source: str | None = None,
    closest: float | None = None,
    highest_unrelated: Mapping[str, float] | None = None,
) -> Verdict:
    """The verdict on one suspect.

    Args:
        observations: one for each trigger asked, in the order of asking.
        vocabulary_size: V, ids of the owner's tokenizer.
        green_size: green ids of every trigger, of `green_size`.
        policy: the rules, fixed before the first question.
        draw: of the order of asking, where the policy has it drawn.
        source: the model that the triggers were made on, in words; none where its digest is not
            known in full.
        closest: how near the panel comes to the source's own answers, where contrasts are tested.
        highest_unrelated: τ_i, the largest z-score of any unrelated model, by trigger; for the
            published match rate only, on which no decision rests.

    Raises:
        UsageError: a trigger twice, more questions than the budget, or impossible counts.
    """
    evidence = Evidence(
        vocabulary_size=vocabulary_size, green_size=green_size, policy=policy, draw=draw
    )
    records = tuple(_record(observation, evidence) for observation in observations)
    counts = [seen.count for seen in observations if seen.count is not None and seen.informative]
    scored = sum(count.scored for count in counts)
    green_rate = sum(count.green for count in counts) / scored if scored else None
    decision = _decide(evidence)
    match = _match(observations, green_size / vocabulary_size, highest_unrelated)
    return Verdict(
        decision=decision,
        reason=_explain(
            decision,
            evidence,
            asked=len(records),
            green_rate=green_rate,
            source=source,
            closest=closest,
        ),
        log10_e_value=evidence.highest,
        final_log10_e_value=evidence.log10_e_value,
        p_value=evidence.p_value,
        fixed_sample_p_value=(
            as_probability(evidence.null.log_p_value_of_sum(counts)) if counts else None
        ),
        transfer_log10_e_value=evidence.highest_transfer,
        alpha=policy.alpha,
        queries=evidence.queries,
        answered=evidence.answered,
        green_rate=green_rate,
        match_rate=None if match is None else match.share,
        match_interval=None if match is None else (match.low, match.high),
        weighted=policy.weighted and any(seen.weights is not None for seen in observations),
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
        transfer_log10_e_value=(
            None if evidence.transfer is None else evidence.transfer.log10_e_value
        ),
        p_value=None if count is None else as_probability(evidence.null.log_p_value(count)),
        unanswered=observation.reason,
        contrast=observation.contrast,
    )


def _match(
    observations: Sequence[Observation], gamma: float, highest: Mapping[str, float] | None
) -> Share | None:
    """The published match rate over the triggers that were answered and calibrated."""
    if highest is None:
        return None
    scores = [
        (z_score(seen.count, gamma=gamma), highest[seen.trigger])
        for seen in observations
        if seen.count is not None and seen.trigger in highest
    ]
    found = [z is not None and z > limit for z, limit in scores]
    return share_of(sum(found), len(found))


def _decide(evidence: Evidence) -> Decision:
    if evidence.reached:
        return Decision.DERIVED
    too_few = evidence.answered < evidence.policy.minimum_answers
    if evidence.independence_refuted or too_few:
        return Decision.INCONCLUSIVE
    return Decision.NOT_SHOWN


def _explain(
    decision: Decision,
    evidence: Evidence,
    *,
    asked: int,
    green_rate: float | None,
    source: str | None,
    closest: float | None,
) -> str:
    """One sentence: what was seen, what follows, and what was not looked at."""
    policy, answered = evidence.policy, f"{evidence.answered} of {asked} trigger images"
    expected = evidence.null.green_size / evidence.null.vocabulary_size
    rates = f"{green_rate or 0.0:.1%} green words where chance gives {expected:.1%}"
    chance, limit = rounded_up(evidence.p_value), rounded_up(policy.alpha)
    seen = f"The suspect's answers to {answered} hold {rates}"
    far = (
        "a model independent of the owner's secret key would come this far with a probability of "
        f"at most {chance} (limit {limit})"
    )
    if decision == Decision.DERIVED:
        named = "" if source is None else f" The suspect is derived from {source}{NOT_WHOSE}."
        return f"{seen}: {far}; {_on_transfer(evidence, closest)}.{named}"
    if decision == Decision.NOT_SHOWN:
        return (
            f"{seen}, which does not show that it was derived (probability bound {chance}, limit "
            f"{limit}) and does not show the opposite; {_on_transfer(evidence, closest)}."
        )
    if evidence.independence_refuted:
        return f"{seen}: {far}, but {_on_transfer(evidence, closest)}, so the claim is not made."
    return (
        f"The suspect answered {answered}, fewer than the {policy.minimum_answers} needed, so "
        f"nothing follows either way; {_on_transfer(evidence, closest)}."
    )


def _on_transfer(evidence: Evidence, closest: float | None) -> str:
    """What is known of the other explanation, that triggers also move unrelated models."""
    if evidence.transfer is None:
        return "transfer from independent models was not calibrated"
    chance = rounded_up(as_probability(-evidence.transfer.highest * LOG_10))
    limits = []
    if evidence.transfer.reaction is not None:
        limits.append(
            "react to these images (on average up to "
            f"{evidence.transfer.reaction.limit:.0%} of a full reaction)"
        )
    if evidence.transfer.contrast is not None:
        limits.append(
            "answer as the source does rather than as each other (on average up to "
            f"{evidence.transfer.contrast.limit:.0%} of a full contrast{_closest(closest)})"
        )
    explained = f"that unrelated models {' and '.join(limits)}"
    bound = f"(probability bound {chance}, limit {rounded_up(evidence.policy.alpha_transfer)})"
    draw = evidence.transfer.draw
    if evidence.transfer_refuted:
        held = "" if draw is None else f", {BY_TIMESTAMP if draw.stamped else BY_SECRET}"
        return f"{explained} does not explain it either {bound}{held}"
    return f"{explained} is not excluded as the reason {bound}"


def _closest(nearness: float | None) -> str:
    """How close the panel is to the source; a sibling that is closer may look like a copy."""
    if nearness is None:
        return ""
    return f"; the nearest of the panel shares {nearness:.0%} of the source's words"


def rounded_up(probability: float) -> str:
    """Two digits, never smaller than the number itself."""
    return f"{float(Context(prec=2, rounding=ROUND_CEILING).create_decimal(repr(probability))):.2g}"
