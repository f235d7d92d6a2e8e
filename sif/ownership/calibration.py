"""calibration.json: how far unrelated models react to a fingerprint's triggers.

1. Every model of a panel answers every trigger, under every attack on images that audits will use.
2. For each model and attack, an upper confidence bound for its mean reaction
(`sif.ownership.transfer`); all of them hold together (Bonferroni). 3. The transfer allowance τ is
the largest of these bounds, and never below what chance alone gives
(`sif.ownership.chance`). Beside it, the bound for the panel as a whole, and the largest z-score
on each trigger, which the published match rate needs. Knows nothing of journals.
"""

import datetime
import json
from collections.abc import Callable, Sequence
from math import ceil, floor
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
)

from sif.errors import FingerprintError, SuspectError, UsageError
from sif.files import write_atomically
from sif.fingerprint.folder import FingerprintSet, manifest_sha256
from sif.ownership.chance import chance_floor
from sif.ownership.copies import refuse_copy, source_evidence
from sif.ownership.evidence import highest_evidence
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.sequential import ask_triggers
from sif.ownership.transfer import reaction, upper_bound
from sif.types import Suspect
from sif.validation import without_default
from sif.watermark.greenlist.count import GreenCount, z_score

CALIBRATION, PLAIN = "calibration.json", "none"
CONFIDENCE = 0.99


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Seen(_Record):
    """What one answer showed: green ids among the distinct ones."""

    green: int = Field(ge=0)
    scored: int = Field(ge=1)


class PanelMember(_Record):
    """One unrelated model under one attack on images.

    Attributes:
        suspect: who was asked.
        image_attack: in its text form; none for pictures as they are.
        green_rate: mean over its answers.
        reaction: mean over its answers, from 0 to 1.
        upper_bound: of the mean reaction, at the confidence that all members share.
        log10_e_value: the highest against independence; where it is large, the model is either no
            unrelated one, or the triggers transfer.
        answers: by trigger; a trigger without an answer is missing.
    """

    suspect: str
    image_attack: str
    green_rate: float
    reaction: float
    upper_bound: float
    log10_e_value: float
    answers: dict[str, Seen]


class Calibration(_Record):
    """calibration.json.

    Attributes:
        fingerprint: SHA-256 of the manifest that it belongs to.
        confidence: with which all upper bounds hold together.
        gamma: green ids of all ids.
        allowance: τ, the largest upper bound of any member, at least `chance_floor` of any.
        reaction: mean over triggers of the panel's mean reaction.
        upper_bound: of that, at the same confidence, all answers to one trigger taken as one.
        members: who was asked.
        repeats: how often each question was asked.
        also_ask: further prompts that every trigger was asked with.
        example: description of another picture that stood before every prompt, if one did.
        prompt_scored: whether ids of prompts and example counted, as they did in those of before.
    """

    schema_version: Literal[1] = 1
    fingerprint: str
    created: str
    confidence: float
    gamma: float
    allowance: float = Field(gt=0.0, lt=1.0)
    reaction: float
    upper_bound: float
    members: tuple[PanelMember, ...] = Field(min_length=1)
    repeats: int = Field(default=1, ge=1)
    also_ask: tuple[str, ...] = ()
    example: str | None = None
    prompt_scored: bool = True

    @model_serializer(mode="wrap")
    def _as_before(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return without_default(handler(self), prompt_scored=True)

    @property
    def manner(self) -> Policy:
        """How often, with what prompts and by which count members were asked, as a policy."""
        return Policy(
            repeats=self.repeats, also_ask=self.also_ask, prompt_scored=self.prompt_scored
        )

    @property
    def image_attacks(self) -> tuple[str, ...]:
        """Those that it covers."""
        return tuple(dict.fromkeys(member.image_attack for member in self.members))

    def lacks(self, image_attack: str, policy: Policy, example: str | None) -> str | None:
        """The options of `sif calibrate` that an audit needs and this lacks; None where none.

        Unrelated models may react in another way to attacked pictures, and to other or more
        questions.
        """
        missing = []
        if image_attack not in self.image_attacks:
            missing.append(f"--image-attack {image_attack}")
        if self.repeats != policy.repeats:
            missing.append(f"--repeats {policy.repeats}")
        if self.also_ask != policy.also_ask:
            missing.append("the same --also-ask")
        if self.example != example:
            missing.append("the same --example" if example else "no --example")
        if self.prompt_scored != policy.prompt_scored:
            missing.append(f"words of prompts {_scored(policy.prompt_scored)}")
        return " and ".join(missing) or None

    def differs(self, image_attack: str, policy: Policy, example: str | None) -> str:
        """What of an audit's way of asking this does not cover, with both ways; empty for none."""
        pairs = []
        if image_attack not in self.image_attacks:
            covered = ", ".join(self.image_attacks)
            pairs.append(f"image attack {image_attack} (calibrated: {covered})")
        if self.repeats != policy.repeats:
            pairs.append(f"{policy.repeats} repeats (calibrated: {self.repeats})")
        if self.also_ask != policy.also_ask:
            ours, theirs = _excerpt(policy.also_ask), _excerpt(self.also_ask)
            pairs.append(f"further prompts {ours} (calibrated: {theirs})")
        if self.example != example:
            pairs.append(f"example {_excerpt(example)} (calibrated: {_excerpt(self.example)})")
        if self.prompt_scored != policy.prompt_scored:
            ours, theirs = _scored(policy.prompt_scored), _scored(self.prompt_scored)
            pairs.append(f"words of prompts {ours} (calibrated: {theirs})")
        return " and ".join(pairs)

    @property
    def highest_unrelated(self) -> dict[str, float]:
        """τ_i, the largest z-score of any member, by trigger."""
        highest: dict[str, float] = {}
        for member in self.members:
            for trigger, seen in member.answers.items():
                count = GreenCount(green=seen.green, scored=seen.scored)
                z = z_score(count, gamma=self.gamma)
                assert z is not None
                highest[trigger] = max(z, highest.get(trigger, z))
        return highest


class Asked(NamedTuple):
    """What one unrelated model answered under one attack on images."""

    suspect: str
    image_attack: str
    log10_e_value: float
    answers: dict[str, Seen]

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
    policy: Policy | None = None,
    batch_size: int = 8,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Asked:
    """Asks one unrelated model every trigger.

    Args:
        fingerprint: with its keys.
        suspect: who is asked; sees the pictures through the attack already.
        image_attack: the attack's text form, for the record.
        policy: what is asked about each trigger; its other rules do not matter.
        batch_size: triggers asked together.
        report: called after every batch with the triggers done and in all.

    Raises:
        FingerprintError: the keys are not at hand.
        SuspectError: it cannot be reached, or answers nothing at all.
    """
    seen: list[Observation] = []
    triggers, rules = fingerprint.triggers, policy or Policy()
    for start in range(0, len(triggers), batch_size):
        some = triggers[start : start + batch_size]
        seen += ask_triggers(fingerprint, suspect, some, rules)
        report(len(seen), len(triggers))
    answers = {
        one.trigger: Seen(green=one.count.green, scored=one.count.scored)
        for one in seen
        if one.count is not None and one.count.scored
    }
    if not answers:
        reasons = sorted({one.reason for one in seen if one.reason})
        raise SuspectError(
            f"expected answers from {suspect.name}, got none ({'; '.join(reasons[:2])}); leave it "
            "out of the panel or mend it"
        )
    highest = highest_evidence(
        seen, vocabulary_size=fingerprint.vocabulary_size, green_size=fingerprint.green_size
    )
    return Asked(suspect.name, image_attack, highest, answers)


def calibrate(
    fingerprint: FingerprintSet,
    panel: Sequence[Asked],
    *,
    policy: Policy | None = None,
    example: str | None = None,
    confidence: float = CONFIDENCE,
) -> Calibration:
    """The transfer allowance, from what a panel of unrelated models answered.

    Args:
        fingerprint: whose triggers were asked.
        panel: of `ask_member`.
        policy: as it was asked with.
        example: that stood before every prompt, if one did.
        confidence: with which all bounds hold together.

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
        )
    alone = 1.0 - (1.0 - confidence) / len(panel)
    gamma = fingerprint.green_size / fingerprint.vocabulary_size
    members = [_member(asked, gamma, alone) for asked in panel]
    worst = max(member.upper_bound for member in members)
    if worst >= 1.0:
        raise UsageError(
            f"expected triggers enough to bound the reaction of {len(panel)} models, got "
            f"{min(len(asked.answers) for asked in panel)} answers of one; make more triggers, or "
            "take out of the panel what reacts to all of them"
        )
    together = _by_trigger(panel, gamma)
    return Calibration(
        fingerprint=manifest_sha256(fingerprint.folder),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        confidence=confidence,
        gamma=gamma,
        allowance=max(worst, _floor(fingerprint, panel)),
        reaction=sum(together) / len(together),
        upper_bound=_rounded_up(upper_bound(together, confidence=confidence)),
        members=tuple(members),
        repeats=(policy or Policy()).repeats,
        also_ask=(policy or Policy()).also_ask,
        example=example,
        prompt_scored=(policy or Policy()).prompt_scored,
    )


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Puts it beside the manifest."""
    write_atomically(folder / CALIBRATION, calibration.model_dump_json(indent=2))


def read_calibration(folder: Path) -> Calibration | None:
    """That of a fingerprint's folder; None where it was not calibrated.

    Raises:
        FingerprintError: damaged, of another version, or of another fingerprint.
    """
    path = folder / CALIBRATION
    if not path.exists():
        return None
    try:
        found = Calibration.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise FingerprintError(
            f"expected a calibration of version 1 in {path}, got something else; run sif calibrate "
            "again"
        ) from error
    if found.fingerprint != manifest_sha256(folder):
        raise FingerprintError(
            f"expected in {path} the calibration of this fingerprint, got another's; run "
            "sif calibrate again"
        )
    return found


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
    seen = asked.answers.values()
    return PanelMember(
        suspect=asked.suspect,
        image_attack=asked.image_attack,
        green_rate=sum(one.green for one in seen) / sum(one.scored for one in seen),
        reaction=sum(leanings) / len(leanings),
        upper_bound=_rounded_up(upper_bound(leanings, confidence=confidence)),
        log10_e_value=floor(100 * asked.log10_e_value) / 100,
        answers=asked.answers,
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


def _excerpt(words: str | tuple[str, ...] | None) -> str:
    """Printable and short."""
    if not words:
        return "none"
    shown = json.dumps(words)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def _scored(scored: bool) -> str:
    return "counted" if scored else "left out"
