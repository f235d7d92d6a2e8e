"""The sequential test: a fingerprint's questions put to a suspect until the verdict is reached.

1. Triggers are asked in the order of the policy, a few at a time. 2. All answers to one trigger are
counted together. 3. Asking stops as soon as the e-value reaches 1/α (and that against transfer
1/α_B, where it is tested), or the budget or the triggers are spent. 4. The verdict is a function of
fingerprint, answers and policy; nothing here looks at what the suspect is called.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log10

from sif.errors import UsageError
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.ownership.evidence import Evidence
from sif.ownership.observation import Observation
from sif.ownership.order import draw_of, in_order
from sif.ownership.policy import Policy
from sif.ownership.published import verify_published
from sif.ownership.questions import queries_of, unscored_prompts
from sif.ownership.references import References
from sif.ownership.verdict import Verdict, judge
from sif.types import Answer, Query, Reply, Suspect, Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingProgress:
    """Where the asking stands: triggers asked of those in the budget, evidence so far and needed.

    The same against transfer; none where that is not tested. `published`: the keys are public, so
    that nothing can be proved.
    """

    asked: int
    triggers: int
    log10_e_value: float
    log10_needed: float
    transfer_log10_e_value: float | None = None
    transfer_log10_needed: float = 0.0
    published: bool = False


def decide(
    fingerprint: FingerprintSet,
    suspect: Suspect,
    policy: Policy | None = None,
    *,
    references: References | None = None,
    highest_unrelated: Mapping[str, float] | None = None,
    batch_size: int = 4,
    report: Callable[[AskingProgress], None] = lambda progress: None,
) -> Verdict:
    """Asks a suspect and judges its answers; what an imported fingerprint shows is no proof.

    Args:
        fingerprint: with its keys.
        suspect: wrap it in `Journalled` to keep the answers and to resume.
        policy: the rules; the default ones where None.
        references: what contrasts are measured with, where the policy has an allowance for them.
        highest_unrelated: of `Calibration.highest_unrelated`, for the published match rate.
        batch_size: triggers asked together; asking may stop after any of them.
        report: called after every batch.

    Raises:
        FingerprintError: the keys are not at hand.
        UsageError: a budget that does not suffice for a single trigger.
        SuspectError: the suspect cannot be reached at all.
    """
    policy = policy or Policy()
    if fingerprint.published:
        triggers = _within_budget(fingerprint, policy)
        return _decide_published(fingerprint, suspect, triggers, policy, batch_size, report)
    asking = Asking(
        fingerprint=fingerprint,
        suspect=suspect,
        policy=policy,
        references=references,
        highest_unrelated=highest_unrelated,
        report=report,
    )
    asking.until_reached(batch_size)
    return asking.verdict()


class Asking:
    """One suspect under way: who is asked what next, and what was shown so far.

    Nothing is asked or counted twice, however often its state is looked at.

    Args:
        fingerprint: as of `decide`, and so are all others.

    Attributes:
        triggers: all that the budget allows, in the order of asking.
        observations: of those that were asked.
        evidence: of these.

    Raises:
        FingerprintError: the keys are not at hand.
        UsageError: a budget that does not suffice for a single trigger.
    """

    def __init__(
        self,
        *,
        fingerprint: FingerprintSet,
        suspect: Suspect,
        policy: Policy,
        references: References | None = None,
        highest_unrelated: Mapping[str, float] | None = None,
        report: Callable[[AskingProgress], None] = lambda progress: None,
    ) -> None:
        self.triggers = _within_budget(fingerprint, policy)
        self.observations: list[Observation] = []
        self._sizes = {
            "vocabulary_size": fingerprint.vocabulary_size,
            "green_size": fingerprint.green_size,
        }
        self._draw = draw_of(fingerprint, policy)
        self.evidence = Evidence(**self._sizes, policy=policy, draw=self._draw)
        self._fingerprint, self._suspect, self._policy = fingerprint, suspect, policy
        self._references, self._highest_unrelated = references, highest_unrelated
        self._report = report
        fingerprint.mask(self.triggers[0].record.id)

    @property
    def asked(self) -> Sequence[Trigger]:
        """The triggers that were."""
        return self.triggers[: len(self.observations)]

    @property
    def finished(self) -> bool:
        """Whether no trigger is left."""
        return len(self.observations) == len(self.triggers)

    def until_reached(self, batch_size: int) -> None:
        """Asks so many triggers at a time, until the verdict is reached or none is left."""
        while not (self.finished or self.evidence.reached):
            self.more(batch_size)

    def more(self, count: int) -> list[Observation]:
        """Asks the next so many triggers at once; what they showed."""
        start = len(self.observations)
        seen = ask_triggers(
            self._fingerprint,
            self._suspect,
            self.triggers[start : start + count],
            self._policy,
            references=self._references,
        )
        for observation in seen:
            self.evidence.add(observation)
        self.observations += seen
        transfer = self.evidence.transfer
        self._report(
            AskingProgress(
                asked=len(self.observations),
                triggers=len(self.triggers),
                log10_e_value=self.evidence.log10_e_value,
                log10_needed=-log10(self._policy.alpha),
                transfer_log10_e_value=None if transfer is None else transfer.log10_e_value,
                transfer_log10_needed=-log10(self._policy.alpha_transfer),
            )
        )
        return seen

    def verdict(self) -> Verdict:
        """On what was asked so far, counted again from the beginning."""
        model, references = self._fingerprint.manifest.model, self._references
        return judge(
            self.observations,
            **self._sizes,
            policy=self._policy,
            draw=self._draw,
            source=model.words if model.model_sha256 else None,
            closest=None if references is None else references.closest,
            highest_unrelated=self._highest_unrelated,
        )


def _decide_published(
    fingerprint: FingerprintSet,
    suspect: Suspect,
    triggers: Sequence[Trigger],
    policy: Policy,
    batch_size: int,
    report: Callable[[AskingProgress], None],
) -> Verdict:
    """What an imported fingerprint shows, which is no proof."""
    needed, total = -log10(policy.alpha), len(triggers)
    return verify_published(
        fingerprint,
        suspect,
        triggers,
        policy,
        batch_size=batch_size,
        report=lambda asked: report(
            AskingProgress(
                asked=asked,
                triggers=total,
                log10_e_value=0.0,
                log10_needed=needed,
                published=True,
            )
        ),
    )


def _within_budget(fingerprint: FingerprintSet, policy: Policy) -> tuple[Trigger, ...]:
    triggers = in_order(fingerprint, policy)
    if policy.budget is None:
        return triggers
    affordable = policy.budget // policy.questions_each
    if not affordable:
        raise UsageError(
            f"expected a budget of at least {policy.questions_each} questions, those of one "
            f"trigger, got {policy.budget}"
        )
    return triggers[:affordable]


def ask_triggers(
    fingerprint: FingerprintSet,
    suspect: Suspect,
    triggers: Sequence[Trigger],
    policy: Policy,
    *,
    references: References | None = None,
) -> list[Observation]:
    """Asks all that the policy wants to know about some triggers, at once."""
    asked = ask_by_trigger(suspect, triggers, lambda one: queries_of(one, policy))
    return [
        observe(fingerprint, trigger, replies, policy, references=references)
        for trigger, replies in asked
    ]


def ask_by_trigger(
    suspect: Suspect, triggers: Sequence[Trigger], queries: Callable[[Trigger], list[Query]]
) -> list[tuple[Trigger, list[Reply]]]:
    """The replies to all questions about some triggers, which are put at once, by trigger."""
    each = [queries(trigger) for trigger in triggers]
    replies = iter(suspect.ask([query for some in each for query in some]))
    return [
        (trigger, [next(replies) for _ in some])
        for trigger, some in zip(triggers, each, strict=True)
    ]


def observe(
    fingerprint: FingerprintSet,
    trigger: Trigger,
    replies: Sequence[Reply],
    policy: Policy | None = None,
    *,
    references: References | None = None,
) -> Observation:
    """What all replies to one trigger show together; the policy says whether prompts' words do."""
    rules = policy or Policy()
    texts = [reply.text for reply in replies if isinstance(reply, Answer)]
    reasons = [reply.reason for reply in replies if isinstance(reply, Unanswered)]
    name = trigger.record.id
    if not texts:
        return Observation(trigger=name, count=None, queries=len(replies), reason=reasons[0])
    prompts = unscored_prompts(trigger.record.prompt, rules)
    weights = fingerprint.weigh(name, texts, prompts=prompts)
    count = weights.count if weights else fingerprint.count(name, texts, prompts=prompts)
    contrast = None
    if references is not None and rules.contrast_allowance is not None:
        contrast = references.contrast(queries_of(trigger, rules), replies) or 0.0
    return Observation(
        trigger=name, count=count, queries=len(replies), weights=weights, contrast=contrast
    )
