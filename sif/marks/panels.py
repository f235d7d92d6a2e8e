"""Panels of models read with one watermark, and the bounds on its errors that follow.

A *panel* is a number of models that are shown the hold-out images: independent ones, or copies.
Every model of a panel shows, for every hold-out image, whether it was detected. For image i let
p_i be the probability of that for a model drawn from the panel's population. The Clopper–Pearson
bound holds for each p_i with probability 1 − δ; by the union bound all N hold together with
probability 1 − Nδ. The number of detected images of a new model is Poisson-binomial where the
images are independent given that a model was drawn; its upper tail grows with every p_i, so that
upper bounds for the p_i bound false detection, and lower ones misdetection (ActiveMark, §3.3).
Images of one model are seldom quite independent. `without_independence` therefore bounds false
detection by Markov's inequality, Σp_i / needed, and `whole` takes every model as one trial of the
whole decision; both need no such assumption. Knows nothing of files.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from scipy.stats import beta, binom

from sif.errors import UsageError
from sif.marks.bits import images_needed
from sif.marks.verify import verify
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark
from sif.ownership.tail import log_upper_tail

PanelKind = Literal["independent", "dependent"]


class PanelBounds(BaseModel):
    """Bounds that hold together with `confidence`, all of them upper bounds on an error.

    Attributes:
        models: in the panel.
        images: hold-out images.
        needed: detected images at which a model counts as a copy.
        confidence: with which `error` holds.
        error: on false detection (independent panel) or misdetection (dependent panel), by the
            Poisson-binomial tail of the images' Clopper–Pearson bounds.
        without_independence: the same by Markov's inequality, for images however they depend.
        whole: the same by a Clopper–Pearson bound on the decisions of the models themselves.
        wrong: models of the panel that were decided wrongly.
        rate: share of detected pairs of model and image.
        rate_bound: Clopper–Pearson bound for that share were all pairs independent: an upper one
            for independent models, a lower one for dependent ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: int
    images: int
    needed: int
    confidence: float
    error: float
    without_independence: float
    whole: float
    wrong: int
    rate: float
    rate_bound: float


def upper_limit(hits: int, total: int, *, confidence: float) -> float:
    """The one-sided Clopper–Pearson upper bound for a probability."""
    return 1.0 if hits >= total else float(beta.ppf(confidence, hits + 1, total - hits))


def lower_limit(hits: int, total: int, *, confidence: float) -> float:
    """The one-sided Clopper–Pearson lower bound for a probability."""
    return 0.0 if hits <= 0 else float(beta.ppf(1.0 - confidence, hits, total - hits + 1))


class Panel(BaseModel):
    """A panel as it was read.

    Attributes:
        kind: "independent" bounds false detection, "dependent" misdetection.
        suspects: who is in the panel.
        detected: images of each that were detected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: PanelKind
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
    sides: dict[PanelKind, Iterable[VisionModel]] = {
        "independent": independent,
        "dependent": dependent,
    }
    for kind, models in sides.items():
        names, rows = _detections(watermark, models, threshold)
        if rows:
            found = bound_panel(kind, np.array(rows), needed=needed, confidence=confidence)
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


def bound_panel(
    kind: PanelKind,
    detected: Bool[np.ndarray, "models images"],
    *,
    needed: int,
    confidence: float = 0.95,
) -> PanelBounds:
    """How often an independent model is taken for a copy, or a copy is not, at most.

    A copy is decided wrongly by images that were missed, another model by detected ones.

    Args:
        kind: of the panel.
        detected: by model and hold-out image.
        needed: detected images at which a model counts as a copy.
        confidence: with which each bound holds.

    Raises:
        UsageError: an empty panel, or a confidence that is none.
    """
    models, images = _check(detected, confidence)
    copies = kind == "dependent"
    limit = lower_limit if copies else upper_limit
    each = 1.0 - (1.0 - confidence) / images
    hits = detected.sum(0)
    limits = np.array([limit(int(h), models, confidence=each) for h in hits])
    faults = 1.0 - limits if copies else limits
    fatal = images - needed + 1 if copies else needed
    wrong = int(((detected.sum(1) >= needed) != copies).sum())
    return PanelBounds(
        models=models,
        images=images,
        needed=needed,
        confidence=confidence,
        error=tail_of_sum(faults, fatal),
        without_independence=min(1.0, float(faults.sum()) / max(fatal, 1)),
        whole=upper_limit(wrong, models, confidence=confidence),
        wrong=wrong,
        rate=float(detected.mean()),
        rate_bound=limit(int(hits.sum()), detected.size, confidence=confidence),
    )


def _check(detected: Bool[np.ndarray, "models images"], confidence: float) -> tuple[int, int]:
    if not detected.size:
        raise UsageError("expected at least one model and one image in a panel, got none")
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"expected a confidence between 0 and 1, got {confidence:g}; try 0.95")
    models, images = detected.shape
    return int(models), int(images)


def tail_of_sum(chances: Float[np.ndarray, " images"], threshold: int) -> float:
    """P(at least `threshold` of independent events with these chances): Poisson-binomial."""
    inside = np.clip(chances, 1e-300, 1.0 - 1e-16)
    parts = [(0, np.log([1.0 - chance, chance]), 1) for chance in inside]
    return float(np.exp(log_upper_tail(parts, threshold)))


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
