"""Null A: the green count of an answer that does not depend on the key, exactly.

A key is uniform, so of u distinct ids the number H of green ones is hypergeometric: u draws
without replacement from V ids of which n are green. Computed by exact ratios of neighbouring
probabilities, normalised in log space, which is accurate to about 1e-13 at any V.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from sif.errors import UsageError
from sif.ownership.logspace import log_sum
from sif.ownership.policy import TILTS
from sif.ownership.tail import log_upper_tail
from sif.watermark.greenlist.count import GreenCount


@runtime_checkable
class Null(Protocol):
    """What the answers of a suspect that does not depend on the key are bet against."""

    @property
    def gamma(self) -> float:
        """Chance that one scored word is what the key chose."""

    def log_bets(self, count: GreenCount) -> Float[np.ndarray, " grid"]:
        """Natural logarithms of the e-values of one count, over a fixed grid of bets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HypergeometricNull:
    """The distribution of green counts under independence from the key.

    Attributes:
        vocabulary_size: V, ids in all.
        green_size: n, green ids.

    Raises:
        UsageError: not 0 < n < V.
    """

    vocabulary_size: int
    green_size: int

    def __post_init__(self) -> None:
        if not 0 < self.green_size < self.vocabulary_size:
            raise UsageError(
                "expected fewer green ids than ids in the vocabulary, and at least one, got "
                f"{self.green_size} of {self.vocabulary_size}"
            )

    @property
    def gamma(self) -> float:
        """Share of green ids."""
        return self.green_size / self.vocabulary_size

    def support(self, scored: int) -> range:
        """The green counts that are possible among so many distinct ids.

        Raises:
            UsageError: a negative number, or more distinct ids than there are.
        """
        if not 0 <= scored <= self.vocabulary_size:
            raise UsageError(
                f"expected 0 to {self.vocabulary_size} distinct ids, got {scored}; "
                "count with the vocabulary of the fingerprint"
            )
        red = self.vocabulary_size - self.green_size
        return range(max(0, scored - red), min(scored, self.green_size) + 1)

    def log_pmf(self, scored: int) -> Float[np.ndarray, " support"]:
        """Natural logarithms of the probabilities of `support(scored)`."""
        possible = self.support(scored)
        green = np.arange(possible.start, possible.stop - 1, dtype=np.float64)
        red_left = self.vocabulary_size - self.green_size - scored + green + 1
        steps = np.log((self.green_size - green) / red_left) + np.log(
            (scored - green) / (green + 1)
        )
        shape = np.concatenate([[0.0], np.cumsum(steps)])
        return np.asarray(shape - log_sum(shape))

    def log_e_values(
        self, count: GreenCount, tilts: Float[np.ndarray, " tilts"]
    ) -> Float[np.ndarray, " tilts"]:
        """Natural logarithms of e(λ) = exp(λg) / E[exp(λH)], one for each λ in `tilts`.

        Each e(λ) has mean exactly 1 under the null; an answer without scored ids has e = 1.

        Raises:
            UsageError: a count that is impossible with these sizes.
        """
        self._check(count)
        possible = np.asarray(self.support(count.scored), dtype=np.float64)
        exponents = tilts[:, None] * (possible - count.green)
        return np.asarray(-log_sum(self.log_pmf(count.scored) + exponents))

    def log_bets(self, count: GreenCount) -> Float[np.ndarray, " tilts"]:
        """Log e(λ) over the grid of the default policy."""
        return self.log_e_values(count, np.asarray(TILTS))

    def log_p_value(self, count: GreenCount) -> float:
        """Natural logarithm of P(H ≥ g) for one trigger."""
        self._check(count)
        first = count.green - self.support(count.scored).start
        return min(0.0, float(log_sum(self.log_pmf(count.scored)[first:])))

    def log_p_value_of_sum(self, counts: Sequence[GreenCount]) -> float:
        """Natural logarithm of P(ΣH ≥ Σg) over all triggers, exactly, however small.

        Valid only where the number of triggers was fixed before the first answer; where asking
        stopped because the evidence sufficed, use the e-value.
        """
        for count in counts:
            self._check(count)
        sizes, repeats = np.unique([count.scored for count in counts], return_counts=True)
        parts = [
            (self.support(int(size)).start, self.log_pmf(int(size)), int(times))
            for size, times in zip(sizes, repeats, strict=True)
        ]
        return log_upper_tail(parts, sum(count.green for count in counts))

    def _check(self, count: GreenCount) -> None:
        possible = self.support(count.scored)
        if count.green not in possible:
            raise UsageError(
                f"expected {possible.start} to {possible.stop - 1} green among {count.scored} "
                f"distinct ids, got {count.green}; the mask and the sizes do not belong together"
            )
