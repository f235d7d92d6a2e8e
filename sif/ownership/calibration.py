"""calibration.json: how far unrelated models react to a fingerprint's triggers.

1. Every model of a panel answers every trigger, under every attack on images that audits will use.
2. For each model and attack, an upper confidence bound for its mean reaction
(`sif.ownership.transfer`). 3. The transfer allowance τ is the largest of these bounds, and never
below what chance alone gives (`sif.ownership.chance`). It bounds the largest of the means at the
confidence of a single bound: whichever model has it, has it whatever was answered, and τ is not
below that model's own bound. So a larger panel costs nothing but what it shows. 4. Where the source
was asked too, the same of contrasts (`sif.ownership.contrast`): each model is measured with itself
left out of the references. Beside it, the bound for the panel as a whole, and the largest z-score
on each trigger, which the published match rate needs. Knows nothing of how it is measured
(`sif.ownership.calibrating`).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

from sif.errors import FingerprintError
from sif.files import write_atomically
from sif.fingerprint.folder import manifest_sha256
from sif.ownership.policy import Policy
from sif.plain_files import read_text_file
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
        upper_bound: of the mean reaction, at a confidence that is the same for all.
        log10_e_value: the highest against independence; where it is large, the model is either no
            unrelated one, or the triggers transfer.
        answers: by trigger; a trigger without an answer is missing.
        model: who is left out of the references when it is measured: itself, under any attack; of
            the suspect's name where None.
        contrast: the mean over its answers, from 0 to 1; none where the source was not asked.
        contrast_bound: of that, at a confidence that is the same for all.
        contrasts: by trigger.
    """

    suspect: str
    image_attack: str
    green_rate: float
    reaction: float
    upper_bound: float
    log10_e_value: float
    answers: dict[str, Seen]
    model: str | None = None
    contrast: float | None = None
    contrast_bound: float | None = None
    contrasts: dict[str, float] | None = None

    @model_validator(mode="after")
    def _contrasts_are_of_answers(self) -> "PanelMember":
        if self.contrasts is not None:
            if strange := sorted(set(self.contrasts) - set(self.answers)):
                raise ValueError(f"a contrast of trigger {strange[0]!r}, which has no answer")
            if not all(0.0 <= one <= 1.0 for one in self.contrasts.values()):
                raise ValueError("contrasts from 0 to 1")
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        none = dict.fromkeys(("model", "contrast", "contrast_bound", "contrasts"))
        return without_default(handler(self), **none)


class SourceAnswers(_Record):
    """The source itself under one attack on images, as its answers are kept.

    Attributes:
        suspect: its name.
        image_attack: in its text form; none for pictures as they are.
        nearest: the nearness to its answers of those of the nearest other model, the mean over
            triggers: how close the panel comes to the source.
    """

    suspect: str
    image_attack: str
    nearest: float = Field(ge=0.0, le=1.0)


class Calibration(_Record):
    """calibration.json.

    Attributes:
        fingerprint: SHA-256 of the manifest that it belongs to.
        confidence: with which the allowances bound the largest means, both together.
        gamma: green ids of all ids.
        allowance: τ, the largest upper bound of any member, at least `chance_floor` of any; 1, with
            which nothing can be shown, where a member reacts to all and contrasts were measured.
        reaction: mean over triggers of the panel's mean reaction.
        upper_bound: of that, at the same confidence, all answers to one trigger taken as one.
        members: who was asked.
        repeats: how often each question was asked.
        also_ask: further prompts that every trigger was asked with.
        example: description of another picture that stood before every prompt, if one did.
        prompt_scored: whether ids of prompts and example counted, as they did in those of before.
        contrast_allowance: the largest upper bound of any member's mean contrast; none where the
            source was not asked.
        source: who that is, under each attack.
        simultaneous: whether the bounds of all members hold together (Bonferroni), as they did in
            calibrations of before.
    """

    schema_version: Literal[1] = 1
    fingerprint: str
    created: str
    confidence: float
    gamma: float
    allowance: float = Field(gt=0.0, le=1.0)
    reaction: float
    upper_bound: float
    members: tuple[PanelMember, ...] = Field(min_length=1)
    repeats: int = Field(default=1, ge=1)
    also_ask: tuple[str, ...] = ()
    example: str | None = None
    prompt_scored: bool = True
    contrast_allowance: float | None = Field(default=None, gt=0.0, lt=1.0)
    source: tuple[SourceAnswers, ...] = ()
    simultaneous: bool = True

    @model_serializer(mode="wrap")
    def _as_before(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        later: dict[str, Any] = {
            "prompt_scored": True,
            "contrast_allowance": None,
            "source": [],
            "simultaneous": True,
        }
        return without_default(handler(self), **later)

    @model_validator(mode="after")
    def _all_or_none_were_compared(self) -> "Calibration":
        compared = [member.contrasts is not None for member in self.members]
        if set(compared) != {bool(self.source)} or (
            bool(self.source) != (self.contrast_allowance is not None)
        ):
            raise ValueError("contrasts of all members and answers of the source, or neither")
        if self.source:
            ours = [one.image_attack for one in self.source]
            names = [(one.suspect, one.image_attack) for one in self.members]
            if len(set(ours)) < len(ours) or set(ours) != set(self.image_attacks):
                raise ValueError("the source under each attack of the members, once")
            if len({name for name, _ in names}) < len(names):
                raise ValueError("answers of each member under a name of their own")
        return self

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
        found = Calibration.model_validate_json(read_text_file(path))
    except OSError as error:
        raise FingerprintError(f"cannot read {path}: {error.strerror}") from error
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


def _excerpt(words: str | tuple[str, ...] | None) -> str:
    """Printable and short."""
    if not words:
        return "none"
    shown = json.dumps(words)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def _scored(scored: bool) -> str:
    return "counted" if scored else "left out"
