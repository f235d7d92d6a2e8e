"""Is the mark in a suspect? Bit errors, detected images, e-value and verdict.

Knows nothing of files.
"""

from collections.abc import Sequence
from math import log
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sif.marks.bits import BitEvidence
from sif.marks.digest import tower_digest
from sif.marks.panel_bounds import images_needed
from sif.marks.read import read_errors
from sif.marks.recipe import Mode
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark

Decision = Literal["derived", "not_shown", "inconclusive"]
Guarantee = Literal["exact", "assumed"]


class MarkVerdict(BaseModel):
    """verdict.json of one suspect.

    Attributes:
        suspect: its folder or id.
        suspect_sha256: of its tower.
        decision: "derived" where the e-value reached 1/α in the keyed mode; "inconclusive" where it
            did in the injected mode, or where even all images without an error could not have; else
            "not_shown".
        guarantee: "exact" in the keyed mode: P(derived) ≤ α for every suspect that does not depend
            on the secret. "assumed" in the injected mode: fair bits are an assumption there, as the
            message itself goes through the suspect, and innocent models break it. So nothing is
            ever called derived there; look at `sif activemark bounds`.
        mode: of the watermark.
        bits: of a message.
        errors: D of each hold-out image.
        threshold: τ.
        detected: images with D ≤ τ.
        detection_rate: their share.
        images_needed: detected images that fair bits reach with a probability of at most α.
        log10_e_value: the highest; the decision rests on it.
        p_value: 1 / highest e-value.
        log10_fixed_p_value: of the whole number of matching bits, exact, for all images.
        alpha: α.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    suspect: str
    suspect_sha256: str
    decision: Decision
    guarantee: Guarantee
    mode: Mode
    bits: int
    errors: tuple[int, ...]
    threshold: int
    detected: int
    detection_rate: float
    images_needed: int | None
    log10_e_value: float
    p_value: float
    log10_fixed_p_value: float
    alpha: float


def verify(watermark: Watermark, suspect: VisionModel, *, alpha: float = 1e-6) -> MarkVerdict:
    """Reads a suspect.

    Args:
        watermark: the owner's.
        suspect: loaded with `readout=watermark.manifest.readout`.
        alpha: α, the largest probability of a claim against an independent model.

    Raises:
        UsageError: a suspect of other shapes, or an α outside (0, 0.5).
    """
    errors = read_errors(watermark, suspect)
    return judge(
        watermark, errors, alpha=alpha, suspect=suspect.source, digest=tower_digest(suspect)
    )


def judge(
    watermark: Watermark, errors: list[int], *, alpha: float, suspect: str, digest: str
) -> MarkVerdict:
    """The verdict that follows from the wrong bits of all images."""
    manifest, null = watermark.manifest, watermark.null
    evidence = _evidence(watermark, errors, alpha)
    detected = sum(wrong <= manifest.threshold for wrong in errors)
    return MarkVerdict(
        suspect=suspect,
        suspect_sha256=digest,
        decision=_decision(watermark, evidence),
        guarantee="exact" if manifest.recipe.mode == "keyed" else "assumed",
        mode=manifest.recipe.mode,
        bits=null.bits,
        errors=tuple(errors),
        threshold=manifest.threshold,
        detected=detected,
        detection_rate=detected / len(errors),
        images_needed=images_needed(
            len(errors), chance=null.false_positive_rate(manifest.threshold), alpha=alpha
        ),
        log10_e_value=evidence.highest,
        p_value=evidence.p_value,
        log10_fixed_p_value=null.log_p_value_of_sum([null.bits - w for w in errors]) / log(10.0),
        alpha=alpha,
    )


def _evidence(watermark: Watermark, errors: Sequence[int], alpha: float) -> BitEvidence:
    evidence = BitEvidence(watermark.null, alpha=alpha)
    for wrong in errors:
        evidence.add(watermark.null.bits - wrong)
    return evidence


def _decision(watermark: Watermark, evidence: BitEvidence) -> Decision:
    manifest = watermark.manifest
    if evidence.independence_refuted:
        return "derived" if manifest.recipe.mode == "keyed" else "inconclusive"
    best = _evidence(watermark, [0] * len(manifest.images), evidence.alpha)
    return "not_shown" if best.independence_refuted else "inconclusive"
