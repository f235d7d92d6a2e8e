"""The mixture e-process of `sif.ownership.evidence`, for many simulated audits at once.

The same bets, looked up in a table of log e(λ) instead of computed one by one; a test holds that
both give the same numbers. Knows nothing of texts or keys.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from sif.ownership.logspace import log_sum
from sif.ownership.null import HypergeometricNull
from sif.ownership.policy import Policy
from sif.watermark.greenlist.count import GreenCount

CHUNK = 20_000


def highest_log10_e_values(
    null: HypergeometricNull,
    sizes: Int[np.ndarray, "#audits triggers"],
    greens: Int[np.ndarray, "audits triggers"],
    *,
    kept: Bool[np.ndarray, "audits triggers"] | None = None,
) -> Float[np.ndarray, " audits"]:
    """The largest log10 E on the way through each audit's triggers, 0 at the start.

    E_n = Σ_j w_j Π_{i≤n} e_i(λ_j); an auditor who may stop at any time claims if sup_n E_n ≥ 1/α.

    Args:
        null: of one text's green count.
        sizes: u, distinct ids of every trigger's answer, in the order of asking.
        greens: green ones among them.
        kept: triggers that are counted; all where None.
    """
    known, index = np.unique(sizes, return_inverse=True)
    table = log_bet_table(null, [int(size) for size in known])
    places = np.broadcast_to(index.reshape(sizes.shape), greens.shape)
    highest = np.zeros(len(greens))
    for start in range(0, len(greens), CHUNK):
        some = slice(start, start + CHUNK)
        wealth = np.full((len(greens[some]), table.shape[2]), -np.log(table.shape[2]))
        best = highest[some]
        for trigger in range(greens.shape[1]):
            bets = table[places[some, trigger], greens[some, trigger]]
            if kept is not None:
                bets = np.where(kept[some, trigger, None], bets, 0.0)
            wealth += bets
            np.maximum(best, log_sum(wealth) / np.log(10), out=best)
    return highest


def log_bet_table(
    null: HypergeometricNull, sizes: Sequence[int]
) -> Float[np.ndarray, "sizes greens tilts"]:
    """Log e(λ) by size and green count, not a number where the count is impossible."""
    tilts = np.asarray(Policy().tilts)
    table = np.full((len(sizes), max(sizes) + 1, len(tilts)), np.nan)
    for row, size in zip(table, sizes, strict=True):
        for green in null.support(size):
            row[green] = null.log_e_values(GreenCount(green=green, scored=size), tilts)
    return table
