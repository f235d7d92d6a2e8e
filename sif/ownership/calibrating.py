"""Measures a panel: how far unrelated models react to triggers, and whose words theirs are.

Asks everybody, and turns what they answered into the calibration. Knows nothing of journals.
"""

import datetime
from collections.abc import Callable, Sequence
from math import ceil, floor, fsum
from types import MappingProxyType
from typing import Final, NamedTuple

from sif.errors import SuspectError, UsageError
from sif.fingerprint.folder import FingerprintSet, manifest_sha256
from sif.ownership.calibration import (
    CONFIDENCE,
    PLAIN,
    Calibration,
    PanelMember,
    Seen,
    SourceAnswers,
)
from sif.ownership.chance import chance_floor
from sif.ownership.copies import SHARE, refuse_copy, source_evidence
from sif.ownership.evidence import highest_evidence
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.ownership.references import References, Replies, check_work, replies_to
from sif.ownership.sequential import ask_by_trigger, observe
from sif.ownership.transfer import reaction, upper_bound
from sif.suspects.mending import mend
from sif.types import Reply, Suspect
from sif.watermark.greenlist.count import GreenCount

FEWEST_MODELS: Final = 2


class Asked(NamedTuple):
    """What one model answered under one attack on images.

    Attributes:
        suspect: its name.
        image_attack: in its text form.
        log10_e_value: the highest against independence.
        answers: counts by trigger.
        model: its name without any attack; of the suspect's where None.
        replies: by `Query.digest`.
        contrasts: by trigger, where `compared` measured them.
    """

    suspect: str
    image_attack: str
    log10_e_value: float
    answers: dict[str, Seen]
    model: str | None = None
    replies: Replies = MappingProxyType({})
    contrasts: dict[str, float] | None = None

    def leanings(self, gamma: float) -> dict[str, float]:
        """How far each answer leans, from 0 to 1, by trigger."""
        return {
            trigger: reaction(GreenCount(green=one.green, scored=one.scored), gamma=gamma)
            for trigger, one in self.answers.items()
        }


def ask_member(
    fingerprint: FingerprintSet,
    suspect: Suspect,
    *,
    image_attack: str = PLAIN,
    model: str | None = None,
    policy: Policy | None = None,
    batch_size: int = 8,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Asked:
    """Asks one model every trigger.

    Args:
        fingerprint: with its keys.
        suspect: who is asked; sees the pictures through the attack already.
        image_attack: the attack's text form, for the record.
        model: its name without any attack, for the record.
        policy: what is asked about each trigger; its other rules do not matter.
        batch_size: triggers asked together.
        report: called after every batch with the triggers done and in all.

    Raises:
        FingerprintError: the keys are not at hand.
        SuspectError: it cannot be reached, or answers nothing at all.
    """
    seen: list[Observation] = []
    replies: dict[str, Reply] = {}
    triggers, rules = fingerprint.triggers, policy or Policy()
    for start in range(0, len(triggers), batch_size):
        some = triggers[start : start + batch_size]
        for trigger, said in ask_by_trigger(suspect, some, lambda one: queries_of(one, rules)):
            seen.append(observe(fingerprint, trigger, said, rules))
            digests = [query.digest for query in queries_of(trigger, rules)]
            replies |= dict(zip(digests, said, strict=True))
        report(len(seen), len(triggers))
    answers = {
        one.trigger: Seen(green=one.count.green, scored=one.count.scored)
        for one in seen
        if one.count is not None and one.count.scored
    }
    if not answers:
        reasons = sorted({one.reason for one in seen if one.reason}) or ["no word that counts"]
        raise SuspectError(
            f"expected answers from {suspect.name}, got none ({'; '.join(reasons[:2])}); "
            f"{mend(reasons[0])}; or leave it out of the panel"
        )
    highest = highest_evidence(
        seen, vocabulary_size=fingerprint.vocabulary_size, green_size=fingerprint.green_size
    )
    return Asked(suspect.name, image_attack, highest, answers, model, replies)


class Compared(NamedTuple):
    """A panel with its contrasts, and the source that they are measured with."""

    panel: list[Asked]
    source: tuple[SourceAnswers, ...]


def compared(
    fingerprint: FingerprintSet,
    panel: Sequence[Asked],
    source: Sequence[Asked],
    *,
    policy: Policy | None = None,
) -> Compared:
    """Measures whose words the answers of a panel are.

    Each model is compared with the source and with all others, under whatever attack they answered.

    Args:
        fingerprint: whose triggers were asked.
        panel: of `ask_member`.
        source: the same of the source.
        policy: as they were asked with.

    Raises:
        UsageError: fewer than two models, so that none is left to compare with, answers that take
            too long to compare, or a source that does not react as the triggers' maker measured.
    """
    models: dict[str, list[Replies]] = {}
    for asked in panel:
        models.setdefault(_model(asked), []).append(asked.replies)
    if len(models) < FEWEST_MODELS:
        raise UsageError(
            f"expected a panel of at least {FEWEST_MODELS} models, as each is compared with the "
            f"others, got {len(models)}; name more with --panel, or leave --source out"
        )
    check_work(asked.replies for asked in (*panel, *source))
    _require_source(fingerprint, source)
    everybody = References(
        source=tuple(one.replies for one in source),
        others={name: tuple(replies) for name, replies in models.items()},
    )
    rules = policy or Policy()
    others = [everybody.without(_model(asked)) for asked in panel]
    found: list[dict[str, float]] = [{} for _ in panel]
    near: list[list[float]] = [[] for _ in source]
    for trigger in fingerprint.triggers:  # whose pictures are read once for all models
        queries, name = queries_of(trigger, rules), trigger.record.id
        for asked, rest, contrasts in zip(panel, others, found, strict=True):
            if name in asked.answers:
                seen = rest.contrast(queries, replies_to(queries, asked.replies))
                if seen is not None:
                    contrasts[name] = seen
        for one, nearest in zip(source, near, strict=True):
            nearest.append(everybody.nearest(queries, replies_to(queries, one.replies)))
    for asked, contrasts in zip(panel, found, strict=True):
        if not contrasts:
            raise UsageError(
                f"expected another model in the panel that answers what {asked.suspect} does, got "
                "none; name more with --panel"
            )
    return Compared(
        [one._replace(contrasts=seen) for one, seen in zip(panel, found, strict=True)],
        tuple(_source(one, nearest) for one, nearest in zip(source, near, strict=True)),
    )


def _require_source(fingerprint: FingerprintSet, source: Sequence[Asked]) -> None:
    """The model that the triggers were made on reacts as was measured when they were made.

    Raises:
        UsageError: it does not.
    """
    plain = next((one for one in source if one.image_attack == PLAIN), None)
    if plain is None:
        raise UsageError("expected the source's answers to plain pictures too, got none")
    before = _shown_by_source(fingerprint, plain)
    if before >= 1.0 and plain.log10_e_value < SHARE * before:
        raise UsageError(
            f"expected as --source the model that the triggers were made on, got {plain.suspect}, "
            f"whose answers have a log10 e-value of {plain.log10_e_value:.1f} where its own had "
            f"{before:.1f}; name that model, asked as the triggers were made"
        )


def _source(asked: Asked, near: Sequence[float]) -> SourceAnswers:
    return SourceAnswers(
        suspect=asked.suspect,
        image_attack=asked.image_attack,
        nearest=_rounded_up(fsum(near) / len(near)),
    )


def _model(asked: Asked) -> str:
    return asked.model or asked.suspect


def calibrate(
    fingerprint: FingerprintSet,
    panel: Sequence[Asked],
    *,
    source: Sequence[SourceAnswers] = (),
    policy: Policy | None = None,
    example: str | None = None,
    confidence: float = CONFIDENCE,
    simultaneous: bool = False,
) -> Calibration:
    """The transfer allowance, from what a panel of unrelated models answered.

    Args:
        fingerprint: whose triggers were asked.
        panel: of `ask_member`, or of `compared`.
        source: of `compared`, where contrasts were measured.
        policy: as it was asked with.
        example: that stood before every prompt, if one did.
        confidence: with which the allowances bound the largest means, both together.
        simultaneous: whether the bounds of all members hold together, as in calibrations of before.

    Raises:
        UsageError: an empty panel, a member twice, the source or a copy of it, or too few triggers
            for any allowance.
    """
    names = [(member.suspect, member.image_attack) for member in panel]
    if not names or len(set(names)) < len(names):
        raise UsageError(
            "expected a panel of one or more different models that are not yours, got "
            f"{'one of them twice' if names else 'none'}; name each with --panel"
        )
    model = fingerprint.manifest.model
    for asked in panel:
        refuse_copy(
            asked.suspect,
            asked.log10_e_value,
            digest=model.digest if model.model_sha256 is None else None,
            source=_shown_by_source(fingerprint, asked),
            contrast=_mean(asked.contrasts),
        )
    bounds = (len(panel) if simultaneous else 1) * (2 if source else 1)
    alone = 1.0 - (1.0 - confidence) / bounds
    gamma = fingerprint.green_size / fingerprint.vocabulary_size
    members = [_member(asked, gamma, alone) for asked in panel]
    worst = max(member.upper_bound for member in members)
    nearer = max(member.contrast_bound or 0.0 for member in members) if source else None
    if (worst if nearer is None else nearer) >= 1.0:
        least = min(len(asked.answers) for asked in panel)
        if nearer is None:
            raise UsageError(
                f"expected triggers enough to bound the reaction of {len(panel)} models, got "
                f"{least} answers of one; make more triggers, or take out of the panel what reacts "
                "to all of them"
            )
        raise UsageError(
            f"expected triggers enough to bound the contrast of {len(panel)} models, got {least} "
            "answers of one; name further models with --panel, siblings of the source above all, "
            "so that each has one like itself beside it, make more triggers, or leave --source out"
        )
    together = _by_trigger(panel, gamma)
    return Calibration(
        fingerprint=manifest_sha256(fingerprint.folder),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        confidence=confidence,
        gamma=gamma,
        allowance=min(1.0, max(worst, _floor(fingerprint, panel))),
        reaction=sum(together) / len(together),
        upper_bound=_rounded_up(upper_bound(together, confidence=confidence)),
        members=tuple(members),
        repeats=(policy or Policy()).repeats,
        also_ask=(policy or Policy()).also_ask,
        example=example,
        prompt_scored=(policy or Policy()).prompt_scored,
        contrast_allowance=nearer,
        source=tuple(source),
        simultaneous=simultaneous,
    )


def _mean(contrasts: dict[str, float] | None) -> float | None:
    return fsum(contrasts.values()) / len(contrasts) if contrasts else None


def _shown_by_source(fingerprint: FingerprintSet, asked: Asked) -> float:
    """The source's evidence on what a member answered; 0 where it was never measured."""
    records = [one for one in fingerprint.manifest.triggers if one.id in asked.answers]
    return source_evidence(
        [one.quality for one in records if one.quality is not None],
        vocabulary_size=fingerprint.vocabulary_size,
        green_size=fingerprint.green_size,
    )


def _floor(fingerprint: FingerprintSet, panel: Sequence[Asked]) -> float:
    return max(
        _rounded_up(
            chance_floor(
                [one.scored for one in asked.answers.values()],
                vocabulary_size=fingerprint.vocabulary_size,
                green_size=fingerprint.green_size,
            )
        )
        for asked in panel
    )


def _member(asked: Asked, gamma: float, confidence: float) -> PanelMember:
    leanings = list(asked.leanings(gamma).values())
    seen, contrasts = asked.answers.values(), asked.contrasts
    nearer = None if contrasts is None else list(contrasts.values())
    return PanelMember(
        suspect=asked.suspect,
        image_attack=asked.image_attack,
        green_rate=sum(one.green for one in seen) / sum(one.scored for one in seen),
        reaction=sum(leanings) / len(leanings),
        upper_bound=_rounded_up(upper_bound(leanings, confidence=confidence)),
        log10_e_value=floor(100 * asked.log10_e_value) / 100,
        answers=asked.answers,
        model=None if contrasts is None else asked.model,
        contrast=_mean(contrasts),
        contrast_bound=(
            None if nearer is None else _rounded_up(upper_bound(nearer, confidence=confidence))
        ),
        contrasts=contrasts,
    )


def _by_trigger(panel: Sequence[Asked], gamma: float) -> list[float]:
    """The mean reaction of all members to each trigger that any of them answered."""
    seen: dict[str, list[float]] = {}
    for asked in panel:
        for trigger, leaning in asked.leanings(gamma).items():
            seen.setdefault(trigger, []).append(leaning)
    return [sum(some) / len(some) for some in seen.values()]


def _rounded_up(bound: float) -> float:
    """Four digits, never below; a bound stays one when it is written down."""
    return min(1.0, ceil(bound * 10_000) / 10_000)
