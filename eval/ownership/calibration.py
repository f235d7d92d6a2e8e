"""(a) Under the null: real texts, fresh uniform keys, and an auditor who stops when it suits him.

A claim is sup_n E_n ≥ 1/α over all triggers, which no stopping rule can beat. The exact p-value of
the whole sample is checked beside it. The texts of one author share most of their words; the keys
of different triggers are independent, so that must not matter.
"""

from math import exp, log
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from sif.eval.ownership.corpus import TextSet
from sif.eval.ownership.process import highest_log10_e_values
from sif.eval.ownership.results import ALPHAS, Calibration, PValues, Rate
from sif.ownership.null import HypergeometricNull
from sif.watermark.greenlist.count import GreenCount

CURVE = tuple(float(alpha) for alpha in np.round(np.logspace(-4, log(0.5, 10), 40), 8))
CONFIDENCE = 0.999
Keys = Literal["drawn", "real"]


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
