"""Triggers against the pictures they were made from: a bet that the change is what matters.

Whoever knows the keys can pick pictures, prompts and examples so that anybody's ordinary answers
lean to green. What he cannot pick is that a suspect tells the trigger from the picture before. So
each trigger is one pair: with r and r₀ the reactions (`sif.ownership.transfer`) to trigger and base
picture, asked alike, d = r − r₀ lies between −1 and 1, and the wealth is

    W_n(b) = Π_{i≤n} (1 + b · d_i),

in the mean over a fixed grid of bets b.

**Null C**: of each pair the two answers might as well be exchanged: given keys, pictures, prompts
and all pairs before, both orders of the two are equally likely. Then every d_i has mean 0 given the
past, W is a martingale from 1, and it ever reaches 1/α with a probability of at most α (Ville),
whenever the asking stops. Nothing is assumed of how keys, pictures or prompts came about, nor of
the words inside an answer. Each pair can double the wealth at best, so that 1% takes 8 pairs or
more. Knows counts only.
"""

from typing import Final

import numpy as np

from sif.errors import UsageError
from sif.ownership.transfer import BETS, WEIGHTS
from sif.ownership.wealth import Wealth

LOWEST, HIGHEST = -1.0, 1.0


class PairEvidence(Wealth):
    """The running e-value against null C.

    Attributes:
        log10_e_value: of all pairs so far.
        highest: the largest log10 e-value so far, 0 at the start.
    """

    def __init__(self) -> None:
        super().__init__(np.log(WEIGHTS))

    def add(self, trigger: float | None, base: float | None) -> float:
        """Takes in one pair and returns the log10 e-value so far.

        What has no answer counts as it is worst for the claim, as any value that was seen would be
        better: a trigger as one without a reaction, a base picture as one with a full one.

        Args:
            trigger: the reaction to it, from 0 to 1; None without an answer.
            base: the same of the picture before.

        Raises:
            UsageError: a reaction out of range.
        """
        difference = (0.0 if trigger is None else trigger) - (1.0 if base is None else base)
        if not LOWEST <= difference <= HIGHEST:
            raise UsageError(f"expected reactions between 0 and 1, got {trigger} and {base}")
        return self._win(np.log1p(_BETS * difference))


_BETS: Final = np.asarray(BETS)
