"""Null A for ids that count unequally: the e-value of the total weight of the green ids, exactly.

The statistic is S, the sum of the weights of the scored ids that are green. If neither the ids nor
their weights depend on the key, every set of k of the u ids is equally likely to be the green one
among them, and k is hypergeometric. So

    E[exp(λS)] = Σ_k P(H = k) · a_k,   a_k = the mean of exp(λ Σ w) over the k-subsets of the ids,

and the means follow from those of one id less, as a share k/j of the k-subsets of j ids holds the
last one: a_k(j) = (k/j) · exp(λ w_j) · a_{k−1}(j−1) + ((j−k)/j) · a_k(j−1). All in log space.

Knows weights, not where they come from. That they were fixed before the key was looked at, or are
functions of the answer alone, is up to the caller; a weight that knows the key voids the proof.
"""

import numpy as np
from jaxtyping import Float

from sif.errors import UsageError
from sif.ownership.logspace import log_sum
from sif.ownership.null import HypergeometricNull


def log_e_values(
    green: Float[np.ndarray, " green"],
    scored: Float[np.ndarray, " scored"],
    *,
    null: HypergeometricNull,
    tilts: Float[np.ndarray, " tilts"],
) -> Float[np.ndarray, " tilts"]:
    """Natural logarithms of e(λ) = exp(λS) / E[exp(λS)], one for each λ in `tilts`.

    Each e(λ) has mean exactly 1 under the null. Ids of weight 0 change nothing; with equal weights
    w the value is that of `HypergeometricNull.log_e_values` at λw.

    Args:
        green: the weights of the scored ids that are green.
        scored: the weights of all scored ids, green or not, each distinct id once.
        null: the sizes of the vocabulary and of the green list.
        tilts: the grid of λ.

    Raises:
        UsageError: weights that are not finite, green ones that are not among the scored ones, or
            a number of green ids that is impossible with these sizes.
    """
    green, scored = _checked(green, "green"), _checked(scored, "scored")
    if not _among(green, scored):
        raise UsageError(
            "expected the weights of the green ids to be among those of the scored ids, got others;"
            " pass the scored weights first unfiltered, then those of the green ids of the same"
        )
    if len(green) not in (possible := null.support(len(scored))):
        raise UsageError(
            f"expected {possible.start} to {possible.stop - 1} green among {len(scored)} "
            f"distinct ids, got {len(green)}; the mask and the sizes do not belong together"
        )
    return np.asarray(tilts * green.sum() - log_mean_exponential(scored, null=null, tilts=tilts))


def log_mean_exponential(
    scored: Float[np.ndarray, " scored"],
    *,
    null: HypergeometricNull,
    tilts: Float[np.ndarray, " tilts"],
) -> Float[np.ndarray, " tilts"]:
    """Natural logarithms of E[exp(λS)] under the null, one for each λ in `tilts`."""
    weights = _checked(scored, "scored")
    weights = weights[weights != 0.0]
    possible = null.support(len(weights))
    means = _log_subset_means(tilts[:, None] * weights)[:, possible.start : possible.stop]
    return np.asarray(log_sum(null.log_pmf(len(weights)) + means))


def _log_subset_means(exponents: Float[np.ndarray, "tilts scored"]) -> np.ndarray:
    """Logarithms of the mean of exp(Σ) over the k-subsets of each row, for k = 0 … u."""
    tilts, scored = exponents.shape
    logs = np.log(np.arange(1, scored + 1, dtype=np.float64))
    means = np.full((tilts, scored + 1), -np.inf)
    means[:, 0] = 0.0
    for j in range(1, scored + 1):
        with_last = means[:, :j] + (exponents[:, j - 1 : j] + (logs[:j] - logs[j - 1]))
        without_last = means[:, 1:j] + (logs[: j - 1][::-1] - logs[j - 1])
        means[:, 1:j] = np.logaddexp(with_last[:, :-1], without_last)
        means[:, j] = with_last[:, -1]
    return means


def _checked(weights: np.ndarray, which: str) -> np.ndarray:
    weights = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(weights).all():
        raise UsageError(f"expected finite weights of the {which} ids, got some that are not")
    return weights


def _among(part: np.ndarray, whole: np.ndarray) -> bool:
    """Whether every value is in the whole at least as many times as in the part."""
    values, times = np.unique(part, return_counts=True)
    ordered = np.sort(whole)
    available = np.searchsorted(ordered, values, "right") - np.searchsorted(ordered, values, "left")
    return bool((times <= available).all())
