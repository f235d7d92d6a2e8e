"""What a benchmark says of one suspect's answers to one set of triggers: pure functions of counts.

Knows nothing of models, images or files.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sif.ownership.logspace import log_sum
from sif.ownership.null import Null
from sif.watermark.greenlist.count import GreenCount

ORDERS = 500


class Estimate(NamedTuple):
    """A number with its 95% interval; no interval where there is but one observation."""

    value: float
    low: float | None
    high: float | None


def green_rate(counts: Sequence[GreenCount]) -> float | None:
    """Green share of all scored ids."""
    scored = sum(count.scored for count in counts)
    return sum(count.green for count in counts) / scored if scored else None


def green_excess(clusters: Sequence[Sequence[GreenCount]], *, gamma: float) -> Estimate | None:
    """Green share of all scored ids less γ; the interval takes answers to one trigger as one.

    Args:
        clusters: the counts of every trigger, from all suspects that were asked it.
        gamma: share of green ids in the vocabulary.

    Returns:
        The ratio estimate with its linearised standard error and Student's quantile; none where
        nothing was scored.
    """
    scored = np.array([sum(count.scored for count in some) for some in clusters], np.float64)
    green = np.array([sum(count.green for count in some) for some in clusters], np.float64)
    if not scored.sum():
        return None
    share = green.sum() / scored.sum()
    residuals = (green - share * scored)[scored > 0] * np.count_nonzero(scored) / scored.sum()
    return _around(float(share - gamma), residuals)


def mean_of(values: Sequence[float]) -> Estimate | None:
    """The mean, with Student's interval; none of nothing."""
    if not values:
        return None
    mean = float(np.mean(values))
    return _around(mean, np.asarray(values) - mean)


def _around(value: float, residuals: Float[np.ndarray, " clusters"]) -> Estimate:
    """The interval of a mean (or what is linear like one) from its residuals."""
    from scipy.stats import t

    number = len(residuals)
    if number < 2:
        return Estimate(value, None, None)
    error = float(np.sqrt((residuals**2).sum() / (number - 1) / number))
    reach = float(t.ppf(0.975, number - 1)) * error
    return Estimate(value, value - reach, value + reach)


def evidence_per_trigger(counts: Sequence[GreenCount], null: Null) -> float:
    """log10 of the e-value after all triggers, divided by their number; 0 without triggers."""
    if not counts:
        return 0.0
    return float(log10_e_values(_log_bets(counts, null))[-1]) / len(counts)


def highest_evidence(counts: Sequence[GreenCount], null: Null) -> float:
    """Largest log10 e-value on the way, in the order of the triggers; 0 at the start."""
    if not counts:
        return 0.0
    return max(0.0, float(log10_e_values(_log_bets(counts, null)).max()))


def triggers_to_alpha(
    counts: Sequence[GreenCount], null: Null, *, alpha: float, seed: int = 0
) -> float | None:
    """Median number of triggers after which the e-value reaches 1/α, over random orders.

    Orders in which it is not reached count as longer than all; the median is none if it is such.
    """
    if not counts:
        return None
    bets, rng = _log_bets(counts, null), np.random.default_rng(seed)
    needed = []
    for _ in range(ORDERS):
        running = log10_e_values(bets[rng.permutation(len(bets))])
        reached = np.flatnonzero(running >= -np.log10(alpha))
        needed.append(reached[0] + 1 if len(reached) else np.inf)
    median = float(np.median(needed))
    return median if np.isfinite(median) else None


def queries_to_alpha(
    counts: Sequence[GreenCount | None], null: Null, *, alpha: float
) -> int | None:
    """Questions in the given order until the e-value reaches 1/α; none where all do not suffice.

    Args:
        counts: of every question asked, none for those without an answer.
        null: that they are bet against.
        alpha: bound on a false claim.
    """
    places = [place for place, count in enumerate(counts, 1) if count is not None]
    known = [count for count in counts if count is not None]
    if not known:
        return None
    reached = np.flatnonzero(log10_e_values(_log_bets(known, null)) >= -np.log10(alpha))
    return places[int(reached[0])] if len(reached) else None


def log10_e_values(log_bets: Float[np.ndarray, "triggers grid"]) -> Float[np.ndarray, " triggers"]:
    """The running log10 e-value of `sif.ownership.evidence`, from every trigger's log bets."""
    wealth = np.cumsum(log_bets, axis=0) - np.log(log_bets.shape[1])
    return np.asarray(log_sum(wealth) / np.log(10))


def published_matches(
    scores: Sequence[float | None], innocents: Sequence[Sequence[float | None]]
) -> list[bool]:
    """For every trigger whether its score exceeds τ_i, the largest of any innocent's.

    The published rule (SIF, CVPR 2026): thresholds per trigger, from the models at hand. It bounds
    no false-claim probability. Unanswered triggers match nothing and set no threshold.

    Args:
        scores: of the suspect, none where it did not answer.
        innocents: scores of every unrelated model, in the order of the same triggers.
    """
    matches = []
    for index, score in enumerate(scores):
        theirs = [row[index] for row in innocents]
        highest = max((value for value in theirs if value is not None), default=-np.inf)
        matches.append(score is not None and score > highest)
    return matches


def _log_bets(counts: Sequence[GreenCount], null: Null) -> Float[np.ndarray, "triggers grid"]:
    return np.stack([null.log_bets(count) for count in counts])
