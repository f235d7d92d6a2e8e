"""(b) Power: how many triggers a copy with a given green rate has to answer until α.

A copy's green count is Fisher's noncentral hypergeometric, P(h) ∝ exp(θh)·P₀(h), with the θ at
which the expected green share of its u distinct ids is the rate: independent words, green ones
with a common odds ratio. Beside the e-value, which may stop at any trigger and need not know the
rate, stand two tests whose number of triggers must be fixed before the first question.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sif.eval.ownership.false_claims import log_bet_table
from sif.eval.ownership.results import Power
from sif.ownership.logspace import log_sum
from sif.ownership.null import HypergeometricNull

ALPHA = 1e-6
MOST = 400


class _Fixed(NamedTuple):
    median: int
    ninety: int


def noncentral(null: HypergeometricNull, scored: int, rate: float) -> Float[np.ndarray, " support"]:
    """Probabilities of the green counts of a copy, over `null.support(scored)`."""
    from scipy.optimize import brentq

    possible, logs = np.asarray(null.support(scored)), null.log_pmf(scored)

    def tilted(theta: float) -> np.ndarray:
        shape = logs + theta * possible
        return np.asarray(np.exp(shape - log_sum(shape)))

    theta = brentq(lambda some: float(tilted(some) @ possible) - rate * scored, -20.0, 20.0)
    return tilted(float(theta))


def power(
    null: HypergeometricNull, *, scored: int, rate: float, audits: int, rng: np.random.Generator
) -> Power:
    """Triggers to α = 1e-6, of the e-value and of both tests of a fixed sample.

    Raises:
        ValueError: more than 400 triggers are needed.
    """
    from scipy.stats import norm

    needed = triggers_needed(null, scored=scored, rate=rate, audits=audits, rng=rng)
    exact, z = _Fixed(0, 0), _Fixed(0, 0)
    gamma, limit = null.green_size / null.vocabulary_size, float(norm.isf(ALPHA))
    level = 1.0
    for number, chance, copy in _sums(null, scored, rate):
        values = number * null.support(scored).start + np.arange(len(chance))
        tails, powers = _tails(chance), _tails(copy)
        spread = np.sqrt(number * scored * gamma * (1 - gamma))
        place = int(np.searchsorted(-tails, -ALPHA))
        reached = powers[place] if place < len(powers) else 0.0
        exact = _first(exact, number, float(reached))
        place = int(np.searchsorted((values - gamma * number * scored) / spread, limit))
        reached = powers[place] if place < len(powers) else 0.0
        if not z.ninety:
            level = float(tails[place]) if place < len(tails) else 0.0
        z = _first(z, number, float(reached))
        if exact.ninety and z.ninety:
            break
    else:
        raise ValueError(f"expected at most {MOST} triggers at rate {rate} with {scored} ids")
    return Power(
        rate=rate,
        scored=scored,
        alpha=ALPHA,
        median=float(np.median(needed)),
        ninety=float(np.quantile(needed, 0.9, method="inverted_cdf")),
        exact_median=exact.median,
        exact_ninety=exact.ninety,
        z_median=z.median,
        z_ninety=z.ninety,
        z_level=level,
    )


def triggers_needed(
    null: HypergeometricNull, *, scored: int, rate: float, audits: int, rng: np.random.Generator
) -> Float[np.ndarray, " audits"]:
    """After how many triggers each simulated audit of a copy reaches 1/α."""
    chances, start = noncentral(null, scored, rate), null.support(scored).start
    table = log_bet_table(null, [scored])[0]
    wealth = np.full((audits, table.shape[1]), -np.log(table.shape[1]))
    needed = np.full(audits, np.inf)
    for number in range(1, MOST + 1):
        wealth += table[start + rng.choice(len(chances), size=audits, p=chances)]
        reached = log_sum(wealth) >= -np.log(ALPHA)
        needed = np.where(reached & np.isinf(needed), number, needed)
        if np.isfinite(needed).all():
            break
    return needed


def _sums(
    null: HypergeometricNull, scored: int, rate: float
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Distribution of the sum of 1, 2, … triggers, of an innocent and of a copy."""
    one, two = np.exp(null.log_pmf(scored)), noncentral(null, scored, rate)
    innocent, copy = one, two
    for number in range(1, MOST + 1):
        yield number, innocent, copy
        innocent, copy = np.convolve(innocent, one), np.convolve(copy, two)


def _tails(chances: np.ndarray) -> np.ndarray:
    return np.asarray(chances[::-1].cumsum()[::-1])


def _first(known: _Fixed, number: int, power: float) -> _Fixed:
    """Keeps the first numbers at which the power is 50% and 90%."""
    median = known.median or (number if power >= 0.5 else 0)
    return _Fixed(median, known.ninety or (number if power >= 0.9 else 0))
