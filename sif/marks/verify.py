"""Is the mark in a suspect? Bits that are read, bit errors, detected images, e-value, verdict.

Verifying is reading a suspect's weights with the owner's secret and deciding.
"""

import json
from collections.abc import Callable, Sequence
from math import log
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool
from PIL import Image
from pydantic import BaseModel, ConfigDict
from scipy.stats import binom
from torch import Tensor

from sif.files import write_atomically
from sif.marks.bits import BitEvidence, images_needed
from sif.marks.recipe import Mode
from sif.marks.tasks import injection
from sif.marks.training_images import BATCH
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark
from sif.plotting import as_png, new_figure
from sif.types import Decision
from sif.vlm.pixels import to_tensor
from sif.watermark.activemark.coders import Decoder, Encoder
from sif.watermark.activemark.losses import bit_errors
from sif.watermark.activemark.projection import bits_of, read_out

VERDICTS, ERRORS = "verdicts.json", "errors.png"
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
    return judge(watermark, errors, alpha=alpha, suspect=suspect.source, digest=suspect.digest())


def verify_suspects(
    watermark: Watermark,
    suspects: Sequence[str],
    *,
    alpha: float = 1e-6,
    device: str = "auto",
    run: Path | None = None,
    show: Callable[[str, float, float, str], None] = lambda *progress: None,
) -> list[MarkVerdict]:
    """Loads and reads suspects, one after the other.

    Args:
        watermark: the owner's.
        suspects: folders or hub ids of models.
        alpha: α, the largest probability of a claim against an independent model.
        device: of the suspects' towers.
        run: a folder for the verdicts and their figure; none to write nothing.
        show: is told of progress: stage, done, total, a suspect.

    Raises:
        ModelError: a suspect cannot be loaded.
        UsageError: one of other shapes, or an α outside (0, 0.5).
        StorageError: the disk refuses.
    """
    verdicts = []
    for done, source in enumerate(suspects):
        show("suspects", done, len(suspects), source)
        verdicts.append(verify(watermark, watermark.load_suspect(source, device), alpha=alpha))
    if run is not None:
        write_atomically(run / VERDICTS, as_json(verdicts))
        write_atomically(run / ERRORS, draw_errors(verdicts))
    return verdicts


def as_json(verdicts: Sequence[MarkVerdict]) -> str:
    """Verdicts as a list in JSON."""
    return json.dumps([one.model_dump(mode="json") for one in verdicts], indent=2)


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
        return Decision.DERIVED if manifest.recipe.mode == "keyed" else Decision.INCONCLUSIVE
    best = _evidence(watermark, [0] * len(manifest.images), evidence.alpha)
    return Decision.NOT_SHOWN if best.independence_refuted else Decision.INCONCLUSIVE


def read_errors(watermark: Watermark, suspect: VisionModel) -> list[int]:
    """D, the wrong bits of each hold-out image, in the order of the watermark.

    Args:
        watermark: the owner's.
        suspect: loaded with the watermark's readout.

    Raises:
        UsageError: a suspect of other shapes; says which.
    """
    watermark.check(suspect)
    manifest, messages = watermark.manifest, watermark.messages
    if manifest.recipe.mode == "keyed":
        bits = keyed_bits(suspect, watermark.pictures, watermark.directions)
    else:
        encoder, decoder = watermark.coders(suspect.device)
        bits = injected_bits(
            suspect,
            watermark.pictures,
            messages,
            encoder=encoder,
            decoder=decoder,
            block=manifest.block,
            token=manifest.token,
        )
    return [int(errors) for errors in bit_errors(bits, messages)]


@torch.no_grad()
def keyed_bits(
    suspect: VisionModel, pictures: Sequence[Image.Image], directions: Tensor
) -> Bool[Tensor, "batch bits"]:
    """What the suspect's own representations spell; no message is needed for it."""
    images = to_tensor(suspect.pictures(pictures))
    features = torch.cat([suspect.features(part).cpu() for part in images.split(BATCH)])
    return bits_of(read_out(features, directions))


@torch.no_grad()
def injected_bits(
    suspect: VisionModel,
    pictures: Sequence[Image.Image],
    messages: Bool[Tensor, "batch bits"],
    *,
    encoder: Encoder,
    decoder: Decoder,
    block: int,
    token: int,
) -> Bool[Tensor, "batch bits"]:
    """What the decoder reads after the encoder has put the messages in."""
    images, rows = to_tensor(suspect.pictures(pictures)), []
    for part, wanted in zip(images.split(BATCH), messages.split(BATCH), strict=True):
        edit = injection(wanted.to(suspect.device), encoder=encoder, token=token)
        seen = suspect.run(suspect.prepare(part), edits={block: edit})
        rows.append(bits_of(decoder(seen.features)).cpu())
    return torch.cat(rows)


def draw_errors(verdicts: Sequence[MarkVerdict]) -> bytes:
    """PNG: for every suspect how many images have D wrong bits, beside what fair coins give."""
    rows = len(verdicts)
    figure = new_figure(7.0, 2.4 * rows + 0.6)
    axes: list[Any] = list(np.atleast_1d(figure.subplots(rows, 1, sharex=rows > 1)))
    for axis, verdict in zip(axes, verdicts, strict=True):
        places = np.arange(verdict.bits + 1)
        counts = np.bincount(verdict.errors, minlength=verdict.bits + 1)
        axis.bar(places, counts, color="tab:blue", label="images")
        chance = len(verdict.errors) * binom.pmf(places, verdict.bits, 0.5)
        axis.plot(places, chance, color="tab:gray", label="fair coins")
        axis.axvline(verdict.threshold + 0.5, color="tab:red", linestyle="--", label="τ")
        axis.set(ylabel="images", title=f"{verdict.suspect}: {verdict.decision}")
        axis.legend(loc="upper right", fontsize="small")
    axes[-1].set_xlabel("D, wrong bits of a message")
    return as_png(figure)
