"""Panels of models read with one watermark, and the bounds that follow.

Knows nothing of files.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from sif.errors import UsageError
from sif.marks.panel_bounds import PanelBounds, false_detection, images_needed, misdetection
from sif.marks.verify import verify
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark


class Panel(BaseModel):
    """A panel as it was read.

    Attributes:
        kind: "independent" bounds false detection, "dependent" misdetection.
        suspects: who is in the panel.
        detected: images of each that were detected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["independent", "dependent"]
    suspects: tuple[str, ...]
    detected: tuple[int, ...]


class PanelReport(PanelBounds, Panel):
    """A panel, and what it says about errors; files hold the panel's fields first."""


class MarkBounds(BaseModel):
    """Bounds of one watermark.

    Attributes:
        bits: of a message.
        images: hold-out images.
        threshold: τ.
        image_false_positive_rate: P(D ≤ τ) of fair bits.
        alpha: of the whole decision, for fair bits.
        needed: detected images at which a model counts as a copy.
        false_detection: P(at least so many) of fair bits, which are exact in the keyed mode.
        panels: of models.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    bits: int
    images: int
    threshold: int
    image_false_positive_rate: float
    alpha: float
    needed: int
    false_detection: float
    panels: tuple[PanelReport, ...]


def bound(
    watermark: Watermark,
    *,
    dependent: Iterable[VisionModel] = (),
    independent: Iterable[VisionModel] = (),
    false_positive_rate: float | None = None,
    alpha: float = 1e-6,
    confidence: float = 0.95,
) -> MarkBounds:
    """What can be said about a watermark's errors.

    Args:
        watermark: the owner's.
        dependent: known copies, thefts made for the purpose.
        independent: models that have nothing to do with it.
        false_positive_rate: of one image; the watermark's own where none is given.
        alpha: of the whole decision, for fair bits.
        confidence: with which each panel's bounds hold.

    Raises:
        UsageError: a model of other shapes, rates that make no sense, or too few hold-out images
            for this α.
    """
    from scipy.stats import binom

    null, images = watermark.null, len(watermark.pictures)
    threshold: int | None = watermark.manifest.threshold
    if false_positive_rate is not None:
        threshold = null.threshold(false_positive_rate)
    if threshold is None:
        raise UsageError(
            f"expected a false-positive rate that {null.bits} bits can reach, got "
            f"{false_positive_rate:g}"
        )
    chance = null.false_positive_rate(threshold)
    needed = images_needed(images, chance=chance, alpha=alpha)
    if needed is None:
        raise UsageError(
            f"expected enough hold-out images for an alpha of {alpha:g}, got {images}; take a "
            "larger alpha or a smaller false-positive rate"
        )
    panels = []
    for kind, models in (("independent", independent), ("dependent", dependent)):
        names, rows = _detections(watermark, models, threshold)
        if rows:
            measure = false_detection if kind == "independent" else misdetection
            found = measure(np.array(rows), needed=needed, confidence=confidence)
            panels.append(_report(kind, names, rows, found))
    return MarkBounds(
        bits=null.bits,
        images=images,
        threshold=threshold,
        image_false_positive_rate=chance,
        alpha=alpha,
        needed=needed,
        false_detection=float(binom.sf(needed - 1, images, chance)),
        panels=tuple(panels),
    )


def _detections(
    watermark: Watermark, models: Iterable[VisionModel], threshold: int
) -> tuple[list[str], list[list[bool]]]:
    names, rows = [], []
    for model in models:
        verdict = verify(watermark, model)
        names.append(model.source)
        rows.append([wrong <= threshold for wrong in verdict.errors])
    return names, rows


def _report(
    kind: str, names: Sequence[str], rows: Sequence[Sequence[bool]], found: PanelBounds
) -> PanelReport:
    return PanelReport.model_validate(
        {
            "kind": kind,
            "suspects": tuple(names),
            "detected": tuple(sum(row) for row in rows),
            **found.model_dump(),
        }
    )
