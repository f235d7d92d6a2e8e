"""What panels of models say about a decision that counts detected images.

Every model of a panel shows, for every hold-out image, whether it was detected. For image i let
p_i be the probability of that for a model drawn from the panel's population. The Clopper–Pearson
bound holds for each p_i with probability 1 − δ; by the union bound all N hold together with
probability 1 − Nδ. The number of detected images of a new model is Poisson-binomial where the
images are independent given that a model was drawn; its upper tail grows with every p_i, so that
upper bounds for the p_i bound false detection, and lower ones misdetection (ActiveMark, §3.3).
Images of one model are seldom quite independent. `without_independence` therefore bounds false
detection by Markov's inequality, Σp_i / needed, and `whole` takes every model as one trial of the
whole decision; both need no such assumption. Knows nothing of models or images.
"""

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from scipy.stats import beta, binom

from sif.errors import UsageError
from sif.ownership.tail import log_upper_tail


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


def images_needed(images: int, *, chance: float, alpha: float) -> int | None:
    """The fewest detected images that fair bits reach with a probability of at most α.

    Args:
        images: hold-out images.
        chance: that one of them is detected by chance.
        alpha: of the whole decision.

    Returns:
        The number; none where even all images together are no proof.
    """
    tails = binom.sf(np.arange(images), images, chance)  # P(> k), so P(≥ k + 1)
    enough = np.flatnonzero(tails <= alpha)
    return int(enough[0]) + 1 if len(enough) else None


def tail_of_sum(chances: Float[np.ndarray, " images"], threshold: int) -> float:
    """P(at least `threshold` of independent events with these chances): Poisson-binomial."""
    inside = np.clip(chances, 1e-300, 1.0 - 1e-16)
    parts = [(0, np.log([1.0 - chance, chance]), 1) for chance in inside]
    return float(np.exp(log_upper_tail(parts, threshold)))


def false_detection(
    detected: Bool[np.ndarray, "models images"], *, needed: int, confidence: float = 0.95
) -> PanelBounds:
    """How often an independent model is taken for a copy, at most.

    Args:
        detected: by independent model and hold-out image.
        needed: detected images at which a model counts as a copy.
        confidence: with which each bound holds.

    Raises:
        UsageError: an empty panel, or a confidence that is none.
    """
    return _bounds(detected, needed=needed, confidence=confidence, copies=False)


def misdetection(
    detected: Bool[np.ndarray, "models images"], *, needed: int, confidence: float = 0.95
) -> PanelBounds:
    """How often a copy is not taken for one, at most.

    Args:
        detected: by dependent model and hold-out image.
        needed: detected images at which a model counts as a copy.
        confidence: with which each bound holds.

    Raises:
        UsageError: an empty panel, or a confidence that is none.
    """
    return _bounds(detected, needed=needed, confidence=confidence, copies=True)


def _bounds(
    detected: Bool[np.ndarray, "models images"], *, needed: int, confidence: float, copies: bool
) -> PanelBounds:
    """A copy is decided wrongly by images that were missed, another model by detected ones."""
    models, images = _check(detected, confidence)
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
