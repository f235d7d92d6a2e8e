"""Null B: an independent model may react a little to triggers that were made on another.

Its answers still do not know the key, but the picture does, so the green rate r_i of its answers to
trigger i may lie above γ. Null B allows that up to τ: given the past, E[r_i] ≤ m = γ + τ. Nothing
is assumed of the words inside an answer. For a bet f ∈ (0, 1) the wealth

    K_n(f) = Π_{i≤n} (1 + f · (r_i − m)/m)

is then a nonnegative supermartingale that starts at 1, and so is its weighted mean over a fixed grid of
bets (Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024). By
Ville's inequality it reaches 1/α_B with a probability of at most α_B, whenever asking stops.

Turned round, the same bets give an upper confidence bound for the mean rate of a panel of
unrelated models, from which τ is measured. Knows rates only.
"""

from collections.abc import Sequence
from math import log
from typing import Final

import numpy as np
from scipy.optimize import brentq

from sif.errors import UsageError
from sif.ownership.logspace import log_sum

LOG_10: Final = log(10.0)
BETS: Final = (0.1, 0.3, 0.6, 0.99)
"""f, shares of the wealth at stake. Green rates of copies vary so little that the largest is nearly
always the best; the smaller ones are for rates that vary much."""
WEIGHTS: Final = (0.1, 0.15, 0.25, 0.5)
"""Of the bets in the mean; they sum to 1, so that the best one loses at most its logarithm."""


class TransferEvidence:
    """The running e-value against null B.

    Args:
        limit: m = γ + τ, the largest green rate that transfer explains.

    Attributes:
        limit: m.
        log10_e_value: of all rates so far.
        highest: the largest log10 e-value so far, 0 at the start.

    Raises:
        UsageError: not 0 < m < 1.
    """

    def __init__(self, *, limit: float) -> None:
        if not 0.0 < limit < 1.0:
            raise UsageError(
                f"expected a green rate with its allowance between 0 and 1, got {limit:g}; measure "
                "the allowance with sif calibrate"
            )
        self.limit = limit
        self.log10_e_value = 0.0
        self.highest = 0.0
        self._bets = np.asarray(BETS)
        self._log_wealth = np.log(WEIGHTS)

    def add(self, rate: float) -> float:
        """Takes in the green rate of one trigger and returns the log10 e-value so far.

        Raises:
            UsageError: not 0 ≤ rate ≤ 1.
        """
        _check(rate)
        self._log_wealth = self._log_wealth + np.log1p(self._bets * (rate / self.limit - 1.0))
        self.log10_e_value = float(log_sum(self._log_wealth)) / LOG_10
        self.highest = max(self.highest, self.log10_e_value)
        return self.log10_e_value


def upper_bound(rates: Sequence[float], *, confidence: float) -> float:
    """An upper confidence bound for the mean rate: bets that it is lower, turned round.

    The smallest m at which betting on less than m, over the same grid of bets, has earned
    1/(1 − confidence). Valid for independent rates in [0, 1] whose means differ, as the product of
    1 + λ(m − μ_i) is largest where all μ_i are equal.

    Args:
        rates: the green rates of an unrelated model's answers, one for each trigger.
        confidence: between 0 and 1, such as 0.99.

    Returns:
        The bound; 1 where the rates are too few for any other.

    Raises:
        UsageError: no rates, one outside [0, 1], or a confidence that is none.
    """
    if not rates:
        raise UsageError("expected the green rates of at least one answer, got none")
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"expected a confidence between 0 and 1, got {confidence}; try 0.99")
    for rate in rates:
        _check(rate)
    seen, needed = np.asarray(rates, dtype=np.float64), -log(1.0 - confidence)

    def short_of(mean: float) -> float:
        wealth = np.log1p(np.asarray(BETS)[:, None] * ((1.0 - seen) / (1.0 - mean) - 1.0)).sum(1)
        return float(log_sum(wealth + np.log(WEIGHTS))) - needed

    lowest, highest = float(seen.mean()), 1.0 - 1e-9
    if short_of(highest) < 0.0:
        return 1.0
    return float(brentq(short_of, lowest, highest, xtol=1e-9)) + 1e-9


def _check(rate: float) -> None:
    if not 0.0 <= rate <= 1.0:
        raise UsageError(f"expected a green rate between 0 and 1, got {rate}")
