"""Many simulated audits at once: the running e-value, and how often innocents are accused by it.

(a) Under the null: real texts, fresh uniform keys, and an auditor who stops when it suits him. A
claim is sup_n E_n ≥ 1/α over all triggers, which no stopping rule can beat. The exact p-value of
the whole sample is checked beside it. The texts of one author share most of their words; the keys
of different triggers are independent, so that must not matter.

The e-process is that of `sif.ownership.evidence`, its bets looked up in a table of log e(λ) instead
of computed one by one; a test holds that both give the same numbers.
"""

from collections.abc import Sequence
from math import exp, log
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from sif.eval.ownership.corpus import TextSet
from sif.eval.ownership.results import ALPHAS, Calibration, PValues, Rate
from sif.ownership.logspace import log_sum
from sif.ownership.null import HypergeometricNull
from sif.ownership.policy import Policy
from sif.watermark.greenlist.count import GreenCount

CHUNK = 20_000
CURVE = tuple(float(alpha) for alpha in np.round(np.logspace(-4, log(0.5, 10), 40), 8))
CONFIDENCE = 0.999
Keys = Literal["drawn", "real"]


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


def calibrate(
    texts: TextSet, greens: Int[np.ndarray, "audits triggers"], keys: Keys
) -> Calibration:
    """How often sup E reaches 1/α."""
    highest = highest_log10_e_values(texts.null, np.array([texts.sizes]), greens)
    return Calibration(
        texts=texts.name,
        vocabulary_size=texts.vocabulary_size,
        triggers=greens.shape[1],
        keys=keys,
        rates=claim_rates(highest),
        curve=tuple((alpha, float(_claims(highest, alpha).mean())) for alpha in CURVE),
    )


def claim_rates(highest: Float[np.ndarray, " audits"]) -> tuple[Rate, ...]:
    """False claims at every α, of audits with these largest log10 e-values."""
    return tuple(Rate.of(int(_claims(highest, a).sum()), len(highest), a) for a in ALPHAS)


def _claims(highest: Float[np.ndarray, " audits"], alpha: float) -> np.ndarray:
    return np.asarray(highest >= -np.log10(alpha))


def check_p_values(
    texts: TextSet, greens: Int[np.ndarray, "audits triggers"], keys: Keys, rng: np.random.Generator
) -> PValues:
    """Whether the exact p-values P(S ≥ s) of the audits are uniform, as far as discrete ones are.

    P(S > s) + U·P(S = s) with U uniform is exactly uniform if the distribution of S is right.
    """
    from scipy.stats import kstest

    sums = greens.sum(axis=1)
    totals = range(int(sums.min()), int(sums.max()) + 2)
    tails = np.array([_tail(texts.null, texts.sizes, total) for total in totals])
    index = sums - totals.start
    p, beyond = tails[index], tails[index + 1]
    shares = np.bincount(index)[::-1].cumsum() / len(p)
    randomised = beyond + rng.random(len(p)) * (p - beyond)
    test = kstest(randomised, "uniform")
    return PValues(
        texts=texts.name,
        keys=keys,
        rates=tuple(Rate.of(int((p <= alpha).sum()), len(p), alpha) for alpha in ALPHAS),
        excess=float((shares - tails[-2::-1]).max()),
        bound=float(np.sqrt(-np.log(1 - CONFIDENCE) / 2 / len(p))),
        distance=float(test.statistic),
        uniform_p=float(test.pvalue),
    )


def _tail(null: HypergeometricNull, sizes: tuple[int, ...], total: int) -> float:
    """P(ΣH ≥ total), by the package's own p-value; only the sum of the counts matters to it."""
    lows = [null.support(size).start for size in sizes]
    spare, counts = total - sum(lows), []
    for size, low in zip(sizes, lows, strict=True):
        more = min(spare, null.support(size).stop - 1 - low)
        spare -= more
        counts.append(GreenCount(green=low + more, scored=size))
    return exp(null.log_p_value_of_sum(counts)) if spare == 0 else 0.0
