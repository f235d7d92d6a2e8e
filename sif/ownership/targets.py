"""Evidence from keyed targets: a bet on each trigger that may be settled at any time.

Null A, exactly: an answer that does not depend on the key says something of u parts of the list,
and each is what the key drew with a probability of 1/n, independently of the others
(`sif.watermark.targets`). So the number h of hits is Binomial(u, 1/n), whatever the suspect favours
and however it came to u, and triggers are independent, as their keys are.

For a lean f (how much more than chance a part is hit) and a share p of triggers that work,

    e(p, f) = 1 − p + p · (1 + f(n − 1))^h · (1 − f)^(u − h)

has mean 1 − p + p · ((1 + f(n − 1))/n + (1 − f)(n − 1)/n)^u = 1. It is the likelihood ratio of a
suspect that hits a part with probability f + (1 − f)/n where a trigger works, and by chance where
it does not. E = Σ w_{p,f} Π_i e_i(p, f), with equal weights over a fixed grid, is a test martingale
that starts at 1: P(sup E ≥ 1/α) ≤ α at whatever moment the asking stops (Ville). Knows counts only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from jaxtyping import Float

from sif.errors import UsageError
from sif.ownership.logspace import as_probability, log_sum
from sif.ownership.tail import log_upper_tail
from sif.ownership.wealth import Wealth, equal_weights
from sif.watermark.greenlist.count import GreenCount

WORKING: Final = (0.25, 0.6, 1.0)
"""Shares p of triggers that work."""
LEANS: Final = (0.05, 0.15, 0.3, 0.5, 0.7, 0.88, 0.98)
"""How far such a trigger leans towards its target, f."""
GRID: Final = tuple((working, lean) for working in WORKING for lean in LEANS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetNull:
    """The distribution of hits under independence from the key.

    A hit counts as a green word does: `green` of a count is h, `scored` is u.

    Attributes:
        alternatives: n, words of each part.

    Raises:
        UsageError: fewer than two.
    """

    alternatives: int

    def __post_init__(self) -> None:
        if self.alternatives < 2:
            raise UsageError(f"expected parts of at least 2 words, got {self.alternatives}")

    @property
    def gamma(self) -> float:
        """Chance of a hit."""
        return 1.0 / self.alternatives

    def log_pmf(self, scored: int) -> Float[np.ndarray, " hits"]:
        """Natural logarithms of the probabilities of 0 … u hits."""
        hits = np.arange(scored + 1, dtype=np.float64)
        steps = np.log((scored - hits[:-1]) / hits[1:]) - log(self.alternatives - 1)
        shape = np.concatenate([[0.0], np.cumsum(steps)])
        return np.asarray(shape - log_sum(shape))

    def log_bets(self, count: GreenCount) -> Float[np.ndarray, " grid"]:
        """Natural logarithms of e(p, f) over the grid; 0 where nothing was said."""
        working, lean = np.asarray(GRID).T
        hits, misses = count.green, count.scored - count.green
        ratio = hits * np.log1p(lean * (self.alternatives - 1)) + misses * np.log1p(-lean)
        with np.errstate(divide="ignore"):
            return np.asarray(np.logaddexp(np.log1p(-working), np.log(working) + ratio))

    def log_p_value_of_sum(self, counts: Sequence[GreenCount]) -> float:
        """Natural logarithm of P(Σ hits ≥ those seen), exactly, however small.

        Valid only where the number of triggers was fixed before the first answer, and where no
        answer hangs on earlier hits: who falls silent after a hit keeps a small sum small.
        """
        parts = sum(count.scored for count in counts)
        one = np.log([1.0 - self.gamma, self.gamma])
        return log_upper_tail([(0, one, parts)], sum(count.green for count in counts))


class TargetEvidence(Wealth):
    """The running e-value of one suspect that is asked triggers with keyed targets.

    Args:
        null: the distribution that is bet against.
        alpha: α, the largest probability of a claim against a model that does not depend on the
            secret.

    Attributes:
        answered: triggers so far whose answer said anything of a part.
        log10_e_value: of all triggers so far.
        highest: the largest log10 e-value so far, 0 at the start; the decision rests on it.

    Raises:
        UsageError: α not between 0 and 1.
    """

    def __init__(self, null: TargetNull, *, alpha: float = 1e-6) -> None:
        if not 0.0 < alpha < 1.0:
            raise UsageError(f"expected alpha between 0 and 1 (both excluded), got {alpha}")
        super().__init__(equal_weights(len(GRID)))
        self.null = null
        self.alpha = alpha
        self.answered = 0
        self._counts: dict[str, GreenCount] = {}

    def add(self, trigger: str, count: GreenCount | None) -> float:
        """Takes in one trigger and returns the log10 e-value so far.

        Args:
            trigger: its id.
            count: hits among the parts that its answer said anything of; none without an answer,
                which is evidence of nothing.

        Raises:
            UsageError: a trigger that was added before.
        """
        if trigger in self._counts:
            raise UsageError(f"expected each trigger once, got {trigger!r} again")
        self._counts[trigger] = count or GreenCount(green=0, scored=0)
        if count is not None and count.scored:
            self.answered += 1
            self._win(self.null.log_bets(count))
        return self.log10_e_value

    @property
    def independence_refuted(self) -> bool:
        """Whether the e-value was 1/α or more at some point."""
        return self.refutes(self.alpha)

    @property
    def p_value_of_all(self) -> float:
        """P(hits ≥ those seen), exact; only where the number of triggers was fixed beforehand."""
        return as_probability(self.null.log_p_value_of_sum(tuple(self._counts.values())))
