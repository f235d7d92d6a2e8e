"""calibration.json: how far unrelated models react to a fingerprint's triggers.

1. Every model of a panel answers every trigger, under every attack on images that audits will use.
2. For each model and attack, an upper confidence bound for its mean green rate; all of them hold
together (Bonferroni). 3. The transfer allowance τ is the largest of these bounds, less γ. Beside
it, the bound for the panel as a whole, and the largest z-score on each trigger, which the published
match rate needs. Knows nothing of files of answers.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import FingerprintError, SuspectError, UsageError
from sif.files import write_atomically
from sif.fingerprint.folder import FingerprintSet, manifest_sha256
from sif.ownership.audit import observe
from sif.ownership.evidence import Evidence
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.transfer import upper_bound
from sif.types import Suspect
from sif.watermark.greenlist.count import GreenCount, z_score

CALIBRATION, PLAIN = "calibration.json", "none"
CONFIDENCE = 0.99


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reaction(_Record):
    """What one answer showed: green ids among the distinct ones."""

    green: int = Field(ge=0)
    scored: int = Field(ge=1)


class PanelMember(_Record):
    """One unrelated model under one attack on images.

    Attributes:
        suspect: who was asked.
        image_attack: in its text form; none for pictures as they are.
        green_rate: mean over its answers.
        upper_bound: of the mean green rate, at the confidence that all members share.
        log10_e_value: the highest against independence; where it is large, the model is either no
            unrelated one, or the triggers transfer.
        reactions: by trigger; a trigger without an answer is missing.
    """

    suspect: str
    image_attack: str
    green_rate: float
    upper_bound: float
    log10_e_value: float
    reactions: dict[str, Reaction]


class Calibration(_Record):
    """calibration.json.

    Attributes:
        fingerprint: SHA-256 of the manifest that it belongs to.
        confidence: with which all upper bounds hold together.
        gamma: green ids of all ids.
        allowance: τ.
        green_rate: mean over triggers of the panel's mean rate.
        upper_bound: of that, at the same confidence, all answers to one trigger taken as one.
        members: who was asked.
    """

    schema_version: Literal[1] = 1
    fingerprint: str
    created: str
    confidence: float
    gamma: float
    allowance: float = Field(ge=0.0, lt=1.0)
    green_rate: float
    upper_bound: float
    members: tuple[PanelMember, ...] = Field(min_length=1)

    @property
    def image_attacks(self) -> tuple[str, ...]:
        """Those that it covers."""
        return tuple(dict.fromkeys(member.image_attack for member in self.members))

    @property
    def highest_unrelated(self) -> dict[str, float]:
        """τ_i, the largest z-score of any member, by trigger."""
        highest: dict[str, float] = {}
        for member in self.members:
            for trigger, seen in member.reactions.items():
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
    reactions: dict[str, Reaction]

    @property
    def rates(self) -> list[float]:
        """Green rates, one for each answered trigger."""
        return [one.green / one.scored for one in self.reactions.values()]


def ask_member(
    fingerprint: FingerprintSet,
    suspect: Suspect,
    *,
    image_attack: str = PLAIN,
    batch_size: int = 8,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Asked:
    """Asks one unrelated model every trigger.

    Args:
        fingerprint: with its keys.
        suspect: who is asked; sees the pictures through the attack already.
        image_attack: the attack's text form, for the record.
        batch_size: triggers asked together.
        report: called after every batch with the triggers done and in all.

    Raises:
        FingerprintError: the keys are not at hand.
        SuspectError: it cannot be reached, or answers nothing at all.
    """
    seen: list[Observation] = []
    triggers = fingerprint.triggers
    for start in range(0, len(triggers), batch_size):
        some = triggers[start : start + batch_size]
        replies = suspect.ask([trigger.query() for trigger in some])
        seen += [
            observe(fingerprint, trigger, [reply])
            for trigger, reply in zip(some, replies, strict=True)
        ]
        report(len(seen), len(triggers))
    reactions = {
        one.trigger: Reaction(green=one.count.green, scored=one.count.scored)
        for one in seen
        if one.count is not None and one.count.scored
    }
    if not reactions:
        reasons = sorted({one.reason for one in seen if one.reason})
        raise SuspectError(
            f"expected answers from {suspect.name}, got none ({'; '.join(reasons[:2])}); leave it "
            "out of the panel or mend it"
        )
    return Asked(suspect.name, image_attack, _highest(fingerprint, seen), reactions)


def calibrate(
    fingerprint: FingerprintSet, panel: Sequence[Asked], *, confidence: float = CONFIDENCE
) -> Calibration:
    """The transfer allowance, from what a panel of unrelated models answered.

    Args:
        fingerprint: whose triggers were asked.
        panel: of `ask_member`.
        confidence: with which all bounds hold together.

    Raises:
        UsageError: an empty panel, or a member twice.
    """
    names = [(member.suspect, member.image_attack) for member in panel]
    if not names or len(set(names)) < len(names):
        raise UsageError(
            "expected a panel of one or more different models that are not yours, got "
            f"{'one of them twice' if names else 'none'}; name each with --panel"
        )
    alone = 1.0 - (1.0 - confidence) / len(panel)
    members = [_member(asked, alone) for asked in panel]
    gamma = fingerprint.green_size / fingerprint.vocabulary_size
    rates = _rates_by_trigger(panel)
    worst = max(member.upper_bound for member in members)
    return Calibration(
        fingerprint=manifest_sha256(fingerprint.folder),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        confidence=confidence,
        gamma=gamma,
        allowance=_rounded_up(max(0.0, worst - gamma)),
        green_rate=sum(rates) / len(rates),
        upper_bound=_rounded_up(upper_bound(rates, confidence=confidence)),
        members=tuple(members),
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


def _member(asked: Asked, confidence: float) -> PanelMember:
    rates = asked.rates
    return PanelMember(
        suspect=asked.suspect,
        image_attack=asked.image_attack,
        green_rate=sum(rates) / len(rates),
        upper_bound=_rounded_up(upper_bound(rates, confidence=confidence)),
        log10_e_value=floor(100 * asked.log10_e_value) / 100,
        reactions=asked.reactions,
    )


def _highest(fingerprint: FingerprintSet, seen: Sequence[Observation]) -> float:
    evidence = Evidence(
        vocabulary_size=fingerprint.vocabulary_size,
        green_size=fingerprint.green_size,
        policy=Policy(),
    )
    for one in seen:
        evidence.add(one)
    return evidence.highest


def _rates_by_trigger(panel: Sequence[Asked]) -> list[float]:
    """The mean rate of all members on each trigger that any of them answered."""
    rates: dict[str, list[float]] = {}
    for asked in panel:
        for trigger, rate in zip(asked.reactions, asked.rates, strict=True):
            rates.setdefault(trigger, []).append(rate)
    return [sum(some) / len(some) for some in rates.values()]


def _rounded_up(rate: float) -> float:
    """Four digits, never below; a bound stays one when it is written down."""
    return min(1.0, ceil(rate * 10_000) / 10_000)


def allowance_of(
    calibration: Calibration | None, image_attack: str, *, folder: Path
) -> tuple[float | None, Mapping[str, float] | None]:
    """τ and τ_i for an audit under an attack on images; nothing without a calibration.

    Raises:
        UsageError: the calibration does not cover this attack.
    """
    if calibration is None:
        return None, None
    if image_attack not in calibration.image_attacks:
        raise UsageError(
            f"expected an attack on images that {folder / CALIBRATION} covers "
            f"({', '.join(calibration.image_attacks)}), got {image_attack!r}: unrelated models may "
            f"react to attacked pictures in another way; run sif calibrate with --image-attack "
            f"{image_attack} as well, or verify with --no-calibration"
        )
    return calibration.allowance, calibration.highest_unrelated
