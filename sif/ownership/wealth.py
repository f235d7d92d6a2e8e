"""What bets on one null have won so far, in a mixture whose weights were fixed beforehand.

E = Σ_j w_j Π_i e_i(j), with factors e of mean 1 or less under the null, starts at 1 and is worth no
more on average, whenever one stops: P(sup E ≥ 1/α) ≤ α (Ville). Knows no null.
"""

from math import log, log10

import numpy as np
from jaxtyping import Float

from sif.ownership.logspace import LOG_10, as_probability, log_sum


class Wealth:
    """A running e-value.

    Args:
        log_weights: natural logarithms of the weights, which sum to 1.
        log_price: natural logarithm of what everything is divided by.

    Attributes:
        log10_e_value: of all so far.
        highest: the largest log10 e-value so far, 0 at the start; decisions rest on it.
    """

    def __init__(self, log_weights: Float[np.ndarray, " bets"], *, log_price: float = 0.0) -> None:
        self.log10_e_value = 0.0
        self.highest = 0.0
        self._log_wealth = log_weights
        self._log_price = log_price

    @property
    def p_value(self) -> float:
        """min(1, 1 / highest e-value): valid at any stopping time, and never rounded to 0."""
        return as_probability(-self.highest * LOG_10)

    def refutes(self, alpha: float) -> bool:
        """Whether the e-value was 1/α or more at some point."""
        return self.highest >= -log10(alpha)

    def _win(self, log_factors: Float[np.ndarray, " bets"]) -> float:
        """Takes in natural logarithms of the factors; the log10 e-value after that."""
        self._log_wealth = self._log_wealth + log_factors
        self.log10_e_value = (float(log_sum(self._log_wealth)) - self._log_price) / LOG_10
        self.highest = max(self.highest, self.log10_e_value)
        return self.log10_e_value


def equal_weights(bets: int) -> Float[np.ndarray, " bets"]:
    """Natural logarithms of as many equal weights."""
    return np.full(bets, -log(bets))
