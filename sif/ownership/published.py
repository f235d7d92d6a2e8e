"""What the answers show about triggers of the released SIF code: figures, and never a proof.

Their green lists come from public integers, or from integers that were searched for by what the
source says. Whoever picks such a number after having seen answers finds any share of green words
in them, so no bound on false claims holds, and the verdict is always INCONCLUSIVE. One list for all
triggers also means that a suspect who likes its words is green everywhere, related or not.

Given are, under the label "nominal", the z-scores as released (but with the owner's tokenizer, and
without the clean-up of unusual blanks), and the e-value as it would be, had the keys been drawn at
random; there all answers under one list are one cluster, in which each word counts once.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple, cast

import numpy as np

from sif.errors import FingerprintError, UsageError
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.ownership.figures import PublishedFigures, PublishedScore
from sif.ownership.logspace import log_sum
from sif.ownership.null import HypergeometricNull
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.ownership.share import Share, share_of
from sif.ownership.verdict import TriggerRecord, Verdict
from sif.types import Answer, Decision, Reply, Suspect, Unanswered
from sif.watermark.greenlist.count import GreenCount, z_score
from sif.watermark.greenlist.published import Pair, PublishedLists, Scheme, distinct_pairs

CLEAR_Z = 3.5


class Answered(NamedTuple):
    """A trigger and what came back: ids of each answer in the owner's tokenizer, or why not."""

    trigger: Trigger
    answers: tuple[tuple[int, ...], ...]
    queries: int
    reason: str | None
    distinct: GreenCount | None = None


def verify_published(
    fingerprint: FingerprintSet,
    suspect: Suspect,
    triggers: Sequence[Trigger],
    policy: Policy,
    *,
    batch_size: int,
    report: Callable[[int], None],
) -> Verdict:
    """Asks all triggers, as there is no evidence at which asking could stop, and counts.

    Args:
        fingerprint: imported.
        suspect: who is asked.
        triggers: of the fingerprint, as many as the budget allows.
        policy: its questions and, for the nominal e-value, its tilts.
        batch_size: triggers asked together.
        report: called with the number of triggers asked, after every batch.
    """
    asked: list[Answered] = []
    each = policy.questions_each
    for start in range(0, len(triggers), batch_size):
        some = triggers[start : start + batch_size]
        replies = suspect.ask([query for one in some for query in queries_of(one, policy)])
        for index, trigger in enumerate(some):
            theirs = replies[index * each : (index + 1) * each]
            asked.append(_read(fingerprint, trigger, theirs))
        report(len(asked))
    lists = {_key(one.trigger): _lists(fingerprint, one.trigger) for one in asked}
    counted = [_counted(fingerprint, one, lists[_key(one.trigger)]) for one in asked]
    return _judge(fingerprint, counted, _figures(fingerprint, asked, lists, policy), policy)


def match_rate(figures: PublishedFigures, unrelated: Sequence[PublishedFigures]) -> Share | None:
    """The published FMR: share of answered triggers whose z exceeds the largest of any unrelated.

    None without an unrelated suspect or without an answer.

    Raises:
        UsageError: an unrelated run with other triggers.
    """
    ids = [score.id for score in figures.per_trigger]
    rows = [{score.id: score.z for score in other.per_trigger} for other in unrelated]
    if any(set(ids) - row.keys() for row in rows):
        raise UsageError(
            "expected runs that asked unrelated suspects about the same triggers, got other "
            "triggers; verify them with this fingerprint and without a smaller --budget"
        )
    known = [(score.id, score.z) for score in figures.per_trigger if score.z is not None]
    if not rows or not known:
        return None
    thresholds = {
        name: max((z for row in rows if (z := row[name]) is not None), default=float("-inf"))
        for name in ids
    }
    return share_of(sum(z > thresholds[name] for name, z in known), len(known))


def explain(figures: PublishedFigures, *, answered: int, asked: int) -> str:
    """Why nothing is proven, in one sentence that a lawyer can read."""
    origin = (
        f"public numbers, {figures.searched} of them searched for by what the owner's own model "
        "says"
        if figures.searched
        else "public numbers"
    )
    scores = (
        "" if figures.mean_z is None else f" (mean published z-score {figures.mean_z:.2f}, nominal)"
    )
    return (
        f"The suspect answered {answered} of {asked} trigger images{scores}, but which words count "
        f"as green follows here from {origin}, not from a secret drawn beforehand, so that no "
        "probability of a false claim can be given and nothing follows either way."
    )


def _figures(
    fingerprint: FingerprintSet,
    asked: Sequence[Answered],
    lists: Mapping[int, PublishedLists],
    policy: Policy,
) -> PublishedFigures:
    scores = [_score(one, lists[_key(one.trigger)], fingerprint.manifest.gamma) for one in asked]
    known = [score.z for score in scores if score.z is not None]
    keys = [one.trigger.record.published for one in asked]
    return PublishedFigures(
        scheme=_scheme(fingerprint),
        hash_keys=len(lists),
        searched=sum(key is not None and key.searched for key in keys),
        nominal_log10_e_value=_nominal(fingerprint, asked, lists, policy),
        mean_z=fmean(known) if known else None,
        clear_share=sum(z >= CLEAR_Z for z in known) / len(known) if known else None,
        per_trigger=tuple(scores),
    )


def _judge(
    fingerprint: FingerprintSet,
    asked: Sequence[Answered],
    figures: PublishedFigures,
    policy: Policy,
) -> Verdict:
    """INCONCLUSIVE, with the figures beside it."""
    counts = [one.distinct for one in asked if one.distinct is not None and one.distinct.scored]
    scored = sum(count.scored for count in counts)
    return Verdict(
        decision=Decision.INCONCLUSIVE,
        reason=explain(figures, answered=len(counts), asked=len(asked)),
        log10_e_value=0.0,
        final_log10_e_value=0.0,
        p_value=1.0,
        fixed_sample_p_value=None,
        alpha=policy.alpha,
        queries=sum(one.queries for one in asked),
        answered=len(counts),
        green_rate=sum(count.green for count in counts) / scored if scored else None,
        vocabulary_size=fingerprint.vocabulary_size,
        green_size=fingerprint.green_size,
        policy=policy,
        per_trigger=tuple(_record(one) for one in asked),
        published=figures,
    )


def _record(one: Answered) -> TriggerRecord:
    return TriggerRecord(
        id=one.trigger.record.id,
        green=None if one.distinct is None else one.distinct.green,
        scored=None if one.distinct is None else one.distinct.scored,
        queries=one.queries,
        log10_e_value=0.0,
        p_value=None,
        unanswered=one.reason,
    )


def _read(fingerprint: FingerprintSet, trigger: Trigger, replies: Sequence[Reply]) -> Answered:
    texts = [reply.text for reply in replies if isinstance(reply, Answer)]
    reasons = [reply.reason for reply in replies if isinstance(reply, Unanswered)]
    answers = tuple(tuple(fingerprint.tokenizer.ids(text)) for text in texts)
    return Answered(trigger, answers, len(replies), None if texts else reasons[0])


def _score(one: Answered, lists: PublishedLists, gamma: float) -> PublishedScore:
    """As released: with several answers the highest z counts."""
    best = PublishedScore(id=one.trigger.record.id, z=None, green=None, scored=None)
    for ids in one.answers:
        count = lists.released_count(ids)
        z = z_score(count, gamma=gamma)
        if best.scored is None or (z is not None and (best.z is None or z > best.z)):
            best = PublishedScore(id=best.id, z=z, green=count.green, scored=count.scored)
    return best


def _counted(fingerprint: FingerprintSet, one: Answered, lists: PublishedLists) -> Answered:
    if not one.answers:
        return one
    green = lists.green(_inside(fingerprint, [one]))
    return one._replace(distinct=GreenCount(green=sum(green.values()), scored=len(green)))


def _nominal(
    fingerprint: FingerprintSet,
    asked: Sequence[Answered],
    lists: Mapping[int, PublishedLists],
    policy: Policy,
) -> float:
    """log10 Σ_j w_j Π e(λ_j) over all lists; the words of all answers under one list together."""
    null = HypergeometricNull(
        vocabulary_size=fingerprint.vocabulary_size, green_size=fingerprint.green_size
    )
    tilts = np.asarray(policy.tilts, dtype=np.float64)
    wealth = np.full(len(tilts), -np.log(len(tilts)))
    for hash_key, drawn in lists.items():
        group = [one for one in asked if _key(one.trigger) == hash_key]
        green = drawn.green(_inside(fingerprint, group))
        for previous in sorted({before for before, _ in green}, key=lambda before: before or 0):
            hits = [hit for (before, _), hit in green.items() if before == previous]
            wealth += null.log_e_values(GreenCount(green=sum(hits), scored=len(hits)), tilts)
    return float(log_sum(wealth) / np.log(10.0))


def _inside(fingerprint: FingerprintSet, asked: Sequence[Answered]) -> list[Pair]:
    answers = [ids for one in asked for ids in one.answers]
    pairs = distinct_pairs(_scheme(fingerprint), answers, ignore=fingerprint.special_ids)
    return [pair for pair in pairs if pair[1] < fingerprint.vocabulary_size]


def _lists(fingerprint: FingerprintSet, trigger: Trigger) -> PublishedLists:
    return PublishedLists(
        _scheme(fingerprint),
        vocabulary_size=fingerprint.vocabulary_size,
        gamma=fingerprint.manifest.gamma,
        hash_key=_key(trigger),
    )


def _key(trigger: Trigger) -> int:
    if trigger.record.published is None:
        raise FingerprintError(
            f"expected the public hash key of trigger {trigger.record.id} in the manifest, got "
            "none; import the triggers again"
        )
    return trigger.record.published.hash_key


def _scheme(fingerprint: FingerprintSet) -> Scheme:
    return cast(Scheme, fingerprint.manifest.green_scheme)
