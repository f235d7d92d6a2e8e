"""A verdict with its control: the same suspect asked about base pictures too.

1. The verdict as without. 2. If it would be DERIVED, the base pictures of all triggers asked are
asked alike. 3. Where they lean to green, no claim is made. Where triggers do not differ enough from
them yet, or too little is left once what they show is taken off, more triggers are asked, with
their base pictures. 4. DERIVED if the control passes, INCONCLUSIVE if not. Knows no journals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import log10
from typing import NamedTuple

from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.ownership.control import LIMIT, BaseEvidence, BaseRecord, ControlFigures, ShownByBases
from sif.ownership.evidence import Evidence
from sif.ownership.observation import Observation
from sif.ownership.order import draw_of
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.ownership.references import References
from sif.ownership.sequential import (
    Asking,
    AskingProgress,
    ask_by_trigger,
    decide,
    observe,
)
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
    if bases is None or fingerprint.published:
        return decide(
            fingerprint,
            suspect,
            policy,
            references=references,
            highest_unrelated=highest_unrelated,
            batch_size=batch_size,
            report=report,
        )
    asking = Asking(
        fingerprint=fingerprint,
        suspect=suspect,
        policy=policy,
        references=references,
        highest_unrelated=highest_unrelated,
        report=report,
    )
    asking.until_reached(batch_size)
    if not asking.evidence.reached:
        return asking.verdict()
    control = Control(fingerprint, policy, runs=runs)
    while True:
        done = len(control.bases)
        seen = _ask_bases(fingerprint, bases, asking.asked[done:], policy)
        for trigger, base in zip(asking.observations[done:], seen, strict=True):
            control.add(trigger, base)
        found = control.weigh(asking.evidence.highest, asking.evidence.highest_transfer)
        if found.passed or found.shown.log10_e_value >= LIMIT or asking.finished:
            return controlled(fingerprint, asking.verdict(), control.bases, runs=runs)
        asking.more(batch_size)


def ask_bases(fingerprint: FingerprintSet, suspect: Suspect, verdict: Verdict) -> list[Observation]:
    """Asks the base pictures of all triggers of a verdict, in their order, at once."""
    records = {one.record.id: one for one in fingerprint.triggers}
    triggers = [records[record.id] for record in verdict.per_trigger]
    return _ask_bases(fingerprint, suspect, triggers, verdict.policy)


def _ask_bases(
    fingerprint: FingerprintSet, suspect: Suspect, triggers: Sequence[Trigger], policy: Policy
) -> list[Observation]:
    asked = ask_by_trigger(suspect, triggers, lambda one: base_queries(one, policy))
    return [observe_base(fingerprint, trigger, replies, policy) for trigger, replies in asked]


def observe_base(
    fingerprint: FingerprintSet, trigger: Trigger, replies: Sequence[Reply], policy: Policy
) -> Observation:
    """What the replies to one base picture show; nothing unless every question has an answer."""
    missing = [reply for reply in replies if not isinstance(reply, Answer)]
    return observe(fingerprint, trigger, missing or replies, policy)


class Weighed(NamedTuple):
    """What the base pictures so far leave of a verdict.

    Attributes:
        shown: by them.
        left: of the evidence against independence, log10.
        transfer_left: the same against transfer; none where that is not tested.
        enough: whether both still carry the claim.
        passed: whether the control does.
    """

    shown: BaseEvidence
    left: float
    transfer_left: float | None
    enough: bool
    passed: bool


class Control:
    """Base pictures beside their triggers, one pair after the other; nothing is weighed twice.

    Args:
        fingerprint: for its sizes and its order.
        policy: of the verdict.
        runs: against this suspect, among which the owner could choose.

    Attributes:
        needed: of pairs, log10.
        gaps: base pictures without an answer so far.
        bases: so far.
    """

    def __init__(self, fingerprint: FingerprintSet, policy: Policy, *, runs: int = 1) -> None:
        sizes = {
            "vocabulary_size": fingerprint.vocabulary_size,
            "green_size": fingerprint.green_size,
        }
        self.needed = LIMIT + log10(runs)
        self.gaps = 0
        self.bases: list[Observation] = []
        self._policy = policy
        self._shown = ShownByBases(**sizes, policy=policy)
        # Of triggers whose base picture was answered; words count alike.
        self._kept = Evidence(**sizes, policy=policy, draw=draw_of(fingerprint, policy))

    def add(self, trigger: Observation, base: Observation) -> None:
        """Takes in what a trigger and its base picture showed."""
        self._shown.add(base, trigger.count)
        answered = base.count is not None
        self._kept.add(replace(trigger, weights=None) if answered else _gap(trigger))
        self.gaps += not answered
        self.bases.append(base)

    def weigh(self, log10_e_value: float, transfer_log10_e_value: float | None) -> Weighed:
        """What is left of the highest evidence of these triggers.

        Args:
            log10_e_value: against independence.
            transfer_log10_e_value: against transfer; none where that is not tested.
        """
        shown, policy = self._shown.figures, self._policy
        if self.gaps:
            log10_e_value = min(log10_e_value, self._kept.highest)
            transfer_log10_e_value = self._kept.highest_transfer
        left = log10_e_value - shown.log10_e_value
        transfer = transfer_log10_e_value
        transfer_left = None if transfer is None else transfer - shown.log10_e_value
        enough = left >= -log10(policy.alpha) and (
            transfer_left is None or transfer_left >= -log10(policy.alpha_transfer)
        )
        apart = shown.pairs_log10_e_value >= self.needed
        passed = shown.log10_e_value < LIMIT and apart and enough
        return Weighed(shown, left, transfer_left, enough, passed)


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
    policy = verdict.policy
    control = Control(fingerprint, policy, runs=runs)
    for record, base in zip(verdict.per_trigger, bases, strict=True):
        control.add(_observation(record), base)
    found = control.weigh(verdict.log10_e_value, verdict.transfer_log10_e_value)
    shown = found.shown
    figures = ControlFigures(
        passed=found.passed,
        reason=_explain(
            shown, control.needed, enough=found.enough, gaps=control.gaps, asked=len(bases)
        ),
        runs=runs,
        queries=len(bases) * policy.questions_each,
        unanswered=control.gaps,
        green_rate=shown.green_rate,
        log10_e_value=shown.log10_e_value,
        p_value=shown.p_value,
        pairs_log10_e_value=shown.pairs_log10_e_value,
        log10_left=found.left,
        transfer_log10_left=found.transfer_left,
        per_trigger=tuple(_record(base) for base in bases),
    )
    return verdict.model_copy(
        update={
            "decision": Decision.DERIVED if found.passed else Decision.INCONCLUSIVE,
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
            _gap(_observation(record)) if record.id in gaps else _observation(record)
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


def _observation(record: TriggerRecord) -> Observation:
    """What a trigger showed, without the weights of its words."""
    return Observation(
        trigger=record.id,
        count=count_of(record),
        queries=record.queries,
        reason=record.unanswered,
        contrast=record.contrast,
    )


def _gap(seen: Observation) -> Observation:
    """A trigger whose base picture has no answer, as if it had none itself."""
    return replace(seen, count=None, reason=UNCONTROLLED, weights=None)


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
