"""A verdict with its control: the same suspect asked about base pictures too.

1. The verdict as without. 2. If it would be DERIVED, the base pictures of all triggers asked are
asked alike. 3. Where they lean to green, no claim is made. Where triggers do not differ enough from
them yet, or too little is left once what they show is taken off, more triggers are asked, with
their base pictures. 4. DERIVED if the control passes, INCONCLUSIVE if not. Knows no journals.
"""

from collections.abc import Callable, Mapping, Sequence
from math import log10

from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.ownership.control import LIMIT, BaseEvidence, BaseRecord, ControlFigures, weigh_bases
from sif.ownership.observation import Observation
from sif.ownership.order import draw_of
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.ownership.references import References
from sif.ownership.sequential import AskingProgress, ask_by_trigger, decide, observe
from sif.ownership.verdict import TriggerRecord, Verdict, judge, rounded_up
from sif.types import Answer, Decision, Query, Reply, Suspect
from sif.watermark.greenlist.count import GreenCount

UNCONTROLLED = "the base picture has no answer"


def base_queries(trigger: Trigger, policy: Policy) -> list[Query]:
    """All questions about a trigger, with its base picture instead.

    Raises:
        FingerprintError: it has none.
    """
    return [query.about(trigger.read_base()) for query in queries_of(trigger, policy)]


def has_bases(fingerprint: FingerprintSet) -> bool:
    """Whether every trigger that is at hand has its base picture, and the lists are secret."""
    return not fingerprint.published and all(one.has_base for one in fingerprint.triggers)


def decide_controlled(
    fingerprint: FingerprintSet,
    suspect: Suspect,
    bases: Suspect | None,
    policy: Policy,
    *,
    references: References | None = None,
    highest_unrelated: Mapping[str, float] | None = None,
    batch_size: int = 4,
    runs: int = 1,
    report: Callable[[AskingProgress], None] = lambda progress: None,
) -> Verdict:
    """`decide`, and the control where that says DERIVED.

    Args:
        fingerprint: with its keys and base pictures.
        suspect: asked about triggers; the same question may come again, so that answers should be
            kept.
        bases: the same suspect, asked about base pictures; kept elsewhere, as a base picture may be
            the trigger itself. None for no control.
        policy: the rules.
        references: as of `decide`.
        highest_unrelated: as of `decide`.
        batch_size: triggers asked together.
        runs: against this suspect so far, among which the owner could choose.
        report: called after every batch of triggers.

    Raises:
        FingerprintError: the keys or a base picture are not at hand.
        SuspectError: the suspect cannot be reached at all.
    """
    asked = 0
    while True:
        verdict = decide(
            fingerprint,
            suspect,
            policy,
            references=references,
            highest_unrelated=highest_unrelated,
            batch_size=asked + batch_size,
            report=report,
        )
        more = len(verdict.per_trigger) > asked
        asked = len(verdict.per_trigger)
        if bases is None or verdict.decision is not Decision.DERIVED:
            return verdict
        seen = ask_bases(fingerprint, bases, verdict)
        found = controlled(fingerprint, verdict, seen, runs=runs)
        assert found.control is not None
        if found.control.passed or found.control.log10_e_value >= LIMIT or not more:
            return found


def ask_bases(fingerprint: FingerprintSet, suspect: Suspect, verdict: Verdict) -> list[Observation]:
    """Asks the base pictures of all triggers of a verdict, in their order, at once."""
    policy, records = verdict.policy, {one.record.id: one for one in fingerprint.triggers}
    triggers = [records[record.id] for record in verdict.per_trigger]
    asked = ask_by_trigger(suspect, triggers, lambda one: base_queries(one, policy))
    return [observe_base(fingerprint, trigger, replies, policy) for trigger, replies in asked]


def observe_base(
    fingerprint: FingerprintSet, trigger: Trigger, replies: Sequence[Reply], policy: Policy
) -> Observation:
    """What the replies to one base picture show; nothing unless every question has an answer."""
    missing = [reply for reply in replies if not isinstance(reply, Answer)]
    return observe(fingerprint, trigger, missing or replies, policy)


def controlled(
    fingerprint: FingerprintSet, verdict: Verdict, bases: Sequence[Observation], *, runs: int = 1
) -> Verdict:
    """A verdict of DERIVED, given what the base pictures of its triggers show.

    Args:
        fingerprint: for its sizes and its order.
        verdict: of `decide`.
        bases: of `ask_bases`.
        runs: against this suspect, among which the owner could choose.
    """
    policy, needed = verdict.policy, LIMIT + log10(runs)
    sizes = {"vocabulary_size": verdict.vocabulary_size, "green_size": verdict.green_size}
    counts = [count_of(record) for record in verdict.per_trigger]
    shown = weigh_bases(bases, counts, **sizes, policy=policy)
    gaps = {base.trigger for base in bases if base.count is None}
    kept = without(fingerprint, verdict, gaps)
    left = min(verdict.log10_e_value, kept.log10_e_value) - shown.log10_e_value
    transfer = kept.transfer_log10_e_value
    transfer_left = None if transfer is None else transfer - shown.log10_e_value
    enough = left >= -log10(policy.alpha) and (
        transfer_left is None or transfer_left >= -log10(policy.alpha_transfer)
    )
    passed = shown.log10_e_value < LIMIT and shown.pairs_log10_e_value >= needed and enough
    figures = ControlFigures(
        passed=passed,
        reason=_explain(shown, needed, enough=enough, gaps=len(gaps), asked=len(bases)),
        runs=runs,
        queries=len(bases) * policy.questions_each,
        unanswered=len(gaps),
        green_rate=shown.green_rate,
        log10_e_value=shown.log10_e_value,
        p_value=shown.p_value,
        pairs_log10_e_value=shown.pairs_log10_e_value,
        log10_left=left,
        transfer_log10_left=transfer_left,
        per_trigger=tuple(_record(base) for base in bases),
    )
    return verdict.model_copy(
        update={
            "decision": Decision.DERIVED if passed else Decision.INCONCLUSIVE,
            "reason": f"{verdict.reason} {figures.reason}",
            "control": figures,
        }
    )


def uncontrolled(verdict: Verdict) -> Verdict:
    """The verdict as it was before its control; the same where it had none."""
    if verdict.control is None:
        return verdict
    reason = verdict.reason.removesuffix(f" {verdict.control.reason}")
    return verdict.model_copy(
        update={"decision": Decision.DERIVED, "reason": reason, "control": None}
    )


def without(fingerprint: FingerprintSet, verdict: Verdict, gaps: set[str]) -> Verdict:
    """The verdict as if these triggers had no answer; words count alike then."""
    if not gaps:
        return verdict
    return judge(
        [
            Observation(
                trigger=record.id,
                count=None if record.id in gaps else count_of(record),
                queries=record.queries,
                reason=UNCONTROLLED if record.id in gaps else record.unanswered,
                contrast=record.contrast,
            )
            for record in verdict.per_trigger
        ],
        vocabulary_size=verdict.vocabulary_size,
        green_size=verdict.green_size,
        policy=verdict.policy,
        draw=draw_of(fingerprint, verdict.policy),
    )


def count_of(record: TriggerRecord) -> GreenCount | None:
    """The count of a trigger; None where it has no answer."""
    if record.green is None or record.scored is None:
        return None
    return GreenCount(green=record.green, scored=record.scored)


def _record(base: Observation) -> BaseRecord:
    count = base.count
    return BaseRecord(
        id=base.trigger,
        green=None if count is None else count.green,
        scored=None if count is None else count.scored,
        unanswered=base.reason,
    )


def _explain(shown: BaseEvidence, needed: float, *, enough: bool, gaps: int, asked: int) -> str:
    rate = "no words" if shown.green_rate is None else f"{shown.green_rate:.1%} green words"
    missing = f", {gaps} of them without an answer" if gaps else ""
    pictures = f"{asked} pictures before they were changed{missing}"
    seen = f"Control: its answers to the {pictures} hold {rate}"
    chance = f"(probability bound {rounded_up(shown.p_value)})"
    if shown.log10_e_value >= LIMIT:
        return (
            f"{seen}, which lean to green by themselves {chance}: pictures, prompts or example "
            "were not chosen without the key, so the claim is not made."
        )
    if shown.pairs_log10_e_value < needed:
        return (
            f"{seen}, and the changed pictures show too little beyond them (log10 e-value "
            f"{shown.pairs_log10_e_value:.2f} of {needed:.2f}), so the claim is not made."
        )
    if not enough:
        return (
            f"{seen} {chance}; with that taken off, too little evidence is left, so the claim is "
            "not made."
        )
    return f"{seen} {chance}; it is the change of the pictures that matters."
