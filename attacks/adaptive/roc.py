"""How well scores tell triggers from benign pictures. Pure functions of scores.

Knows neither pictures nor detectors.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sif.errors import UsageError
from sif.ownership.share import Share, share_of

Benign = Float[np.ndarray, " benign"]
Triggers = Float[np.ndarray, " triggers"]
Curve = Float[np.ndarray, " thresholds"]


class Auc(NamedTuple):
    """Area under the curve with its 95% interval."""

    value: float
    low: float
    high: float


class Roc(NamedTuple):
    """A receiver operating characteristic: falling thresholds, each flags scores of at least it.

    Attributes:
        false_positives: share of benign pictures that are flagged, ascending from 0 to 1.
        true_positives: share of triggers that are flagged, likewise.
        auc: chance that a trigger scores above a benign picture, ties counted half.
    """

    false_positives: Curve
    true_positives: Curve
    auc: Auc


def roc_of(benign: Benign, triggers: Triggers) -> Roc:
    """The curve through all thresholds.

    Raises:
        UsageError: no scores of one kind.
    """
    _check(benign, triggers)
    thresholds = np.unique(np.concatenate([benign, triggers]))[::-1]
    false, true = (
        np.concatenate([[0.0], _share_at_least(some, thresholds)]) for some in (benign, triggers)
    )
    area = float(((false[1:] - false[:-1]) * (true[1:] + true[:-1])).sum() / 2)
    return Roc(false, true, Auc(area, *auc_interval(area, len(triggers), len(benign))))


def auc_interval(
    area: float, triggers: int, benign: int, *, deviations: float = 1.959964
) -> tuple[float, float]:
    """The areas θ with |θ − A| ≤ z √V(θ): Newcombe's fifth method (Statist. Med. 25, 2006).

    V(θ) = θ(1−θ)/(mn) · [1 + ((m+n)/2 − 1) ((1−θ)/(2−θ) + θ/(1+θ))], Hanley and McNeil's variance
    with the mean of both sizes. It is an interval also where A = 1.

    Args:
        area: A, as observed.
        triggers: m.
        benign: n.
        deviations: z.
    """
    from scipy.optimize import brentq

    def gap(theta: float) -> float:
        spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
        variance = theta * (1 - theta) / (triggers * benign)
        variance *= 1 + ((triggers + benign) / 2 - 1) * spread
        return (theta - area) ** 2 - deviations**2 * variance

    tiny = 1e-9
    low = brentq(gap, tiny, area - tiny) if area > 3 * tiny and gap(tiny) > 0 else 0.0
    high = brentq(gap, area + tiny, 1 - tiny) if area < 1 - 3 * tiny and gap(1 - tiny) > 0 else 1.0
    return float(low), float(high)


def threshold_at(benign: Benign, rate: float) -> float:
    """The lowest threshold that flags at most this share of benign pictures.

    Scores above it are flagged (not the score itself).

    Raises:
        UsageError: no scores, or a rate outside [0, 1).
    """
    if not len(benign) or not 0 <= rate < 1:
        raise UsageError(
            f"expected benign scores and a rate from 0 to below 1, got {len(benign)} and {rate}"
        )
    allowed = int(rate * len(benign) + 1e-9)
    return float(np.sort(benign)[::-1][allowed])


def hits_at(benign: Benign, triggers: Triggers, rate: float) -> Share:
    """Share of triggers above `threshold_at`, with its exact interval.

    Raises:
        UsageError: no scores of one kind, or a rate outside [0, 1).
    """
    _check(benign, triggers)
    hits = int((triggers > threshold_at(benign, rate)).sum())
    share = share_of(hits, len(triggers))
    assert share is not None
    return share


def _share_at_least(scores: Float[np.ndarray, " pictures"], thresholds: Curve) -> Curve:
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return np.asarray(1 - below / len(scores))


def _check(benign: Benign, triggers: Triggers) -> None:
    if not len(benign) or not len(triggers):
        raise UsageError(
            f"expected scores of benign pictures and of triggers, got {len(benign)} and "
            f"{len(triggers)}"
        )
