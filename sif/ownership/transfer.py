"""Null B: an independent model may react a little to triggers that were made on another.

Its answers still do not know the key, but the picture does, so its words may lean towards green.
How far an answer leans is its **reaction**, a number from 0 to 1: with green rate r among u
distinct ids and z = (r − γ)·√(u / (γ(1 − γ))),

    s = min(1, max(0, min((r − γ) / 0.2, z / 3))).

So 0 is no excess over chance, and 1 an excess that is both large and beyond the noise: answers of
few words cannot react strongly by luck, nor long ones by a trifle. Words that know nothing give
about 0.1. Nothing is assumed of the words inside an answer. For a bet f ∈ (0, 1) the wealth is

    K_n(f) = Π_{i≤n} (1 + f · (s_i − τ)/τ).

Null B says that the reactions to all N triggers have means μ_i of which the mean is at most τ. In a
**drawn** order (`Draw`) the triggers may differ at will: the wealth has at any stopping time an
expectation of at most

    v_N = 1 + (1 + 1/2 + … + 1/(N − 1)) / e,

so that K/v_N reaches 1/α_B with a probability of at most α_B (proof: docs, Verdicts); where at most
n of the N are asked, the last n − 1 terms alone, 1/(N − 1) to 1/(N − n + 1), suffice. In an order
that the maker chose this is false: who puts the triggers first that move everybody wins. There K
itself is a supermartingale, as long as each mean given the past is at most τ (Waudby-Smith and
Ramdas, Estimating means of bounded random variables by betting, 2024), which a bound on the mean of
all does not give. The same holds for the weighted mean of K(f) over a fixed grid of bets. Bets on
the plain green rate would need several times as many triggers, as they must fear that a rate of 0.7
is a coin that fell on 1.

The same bets are placed on another statistic between 0 and 1, whose words an answer's are
(`sif.ownership.contrast`). Where both are tested, the mean of the two e-values is one against the
null that both limits hold; it is never less than half of the better one.

Turned round, the same bets give an upper confidence bound for the mean reaction of unrelated
models, by which τ is measured. Knows counts only.
"""

from collections.abc import Sequence
from math import e, fsum, log
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import brentq

from sif.errors import UsageError
from sif.ownership.logspace import LOG_10, log_sum
from sif.ownership.wealth import Wealth
from sif.watermark.greenlist.count import GreenCount, z_score

BETS: Final = (0.1, 0.3, 0.6, 0.99)
"""f, shares of the wealth at stake. Copies react so evenly that the largest is nearly always the
best; the smaller ones are for reactions that vary much."""
WEIGHTS: Final = (0.1, 0.15, 0.25, 0.5)
"""Of the bets in the mean; they sum to 1, so that the best one loses at most its logarithm."""


FULL_EXCESS: Final = 0.2
FULL_SCORE: Final = 3.0


def reaction(count: GreenCount, *, gamma: float) -> float:
    """How far an answer leans towards green, from 0 to 1; 0 where nothing was scored."""
    z = z_score(count, gamma=gamma)
    if z is None:
        return 0.0
    excess = count.green / count.scored - gamma
    return min(1.0, max(0.0, min(excess / FULL_EXCESS, z / FULL_SCORE)))


class Draw(NamedTuple):
    """That the order of asking was drawn by lot.

    Attributes:
        triggers: N, among which was drawn; τ bounds the mean over all of them.
        stamped: whether from a timestamp over the commitment, which nobody can choose; else from
            the secret, which its owner knew when making triggers.
        most: n, of which so many are asked at most, the first or any other block; all where None.
    """

    triggers: int
    stamped: bool
    most: int | None = None


def price_of_order(triggers: int, most: int | None = None) -> float:
    """v, by which the wealth is divided where triggers differ and their order is drawn.

    No stopping rule brings its expectation above it; 2.37 for 24 triggers, 3.75 for 1000, and 1.10
    for 16 of 64.

    Args:
        triggers: N, among which was drawn.
        most: n, of which so many are asked at most; all where None.

    Raises:
        UsageError: not at least one trigger, or more than there are.
    """
    if triggers < 1:
        raise UsageError(f"expected at least one trigger, got {triggers}")
    asked = triggers if most is None else most
    if not 1 <= asked <= triggers:
        raise UsageError(f"expected 1 to {triggers} triggers to be asked, got {asked}")
    return 1.0 + fsum(1.0 / left for left in range(triggers - asked + 1, triggers)) / e


class TransferEvidence(Wealth):
    """The running e-value against null B.

    Args:
        limit: τ, the largest mean reaction that transfer explains.
        draw: where the order of asking was drawn.

    Attributes:
        limit: τ.
        draw: as given.
        log10_e_value: of all reactions so far.
        highest: the largest log10 e-value so far, 0 at the start.

    Raises:
        UsageError: not 0 < τ < 1, or a draw among nothing.
    """

    def __init__(self, *, limit: float, draw: Draw | None = None) -> None:
        if not 0.0 < limit < 1.0:
            raise UsageError(
                f"expected a transfer allowance between 0 and 1, got {limit:g}; measure it with "
                "sif calibrate"
            )
        self.limit = limit
        self.draw = draw
        self._added = 0
        self._bets = np.asarray(BETS)
        price = 0.0 if draw is None else log(price_of_order(draw.triggers, draw.most))
        super().__init__(np.log(WEIGHTS), log_price=price)

    def add(self, seen: float) -> float:
        """Takes in the reaction to one trigger and returns the log10 e-value so far.

        Raises:
            UsageError: not between 0 and 1, or more reactions than there are triggers.
        """
        _check(seen)
        self._added += 1
        most = self.draw and (self.draw.most or self.draw.triggers)
        if most is not None and self._added > most:
            raise UsageError(f"expected the reactions to {most} triggers, got more of them")
        return self._win(np.log1p(self._bets * (seen / self.limit - 1.0)))


class TransferTests:
    """The evidence against null B from all that is tested of it: reactions, contrasts, or both.

    Args:
        reaction: the largest mean reaction that transfer explains; None where it is not tested.
        contrast: the same of contrasts.
        draw: where the order of asking was drawn.

    Attributes:
        reaction: the running evidence of reactions, None where they are not tested.
        contrast: the same of contrasts.
        draw: as given.
        log10_e_value: of all triggers so far, the mean of both e-values.
        highest: the largest so far, 0 at the start.

    Raises:
        UsageError: neither is tested, or as of `TransferEvidence`.
    """

    def __init__(
        self, *, reaction: float | None, contrast: float | None, draw: Draw | None = None
    ) -> None:
        self.reaction, self.contrast = (
            None if limit is None else TransferEvidence(limit=limit, draw=draw)
            for limit in (reaction, contrast)
        )
        if not self._tested:
            raise UsageError("expected an allowance for reactions or for contrasts, got neither")
        self.draw = draw
        self.log10_e_value = 0.0
        self.highest = 0.0

    def add(self, *, reaction: float, contrast: float) -> float:
        """Takes in what one trigger showed and returns the log10 e-value so far.

        Args:
            reaction: to it, from 0 to 1; not looked at where it is not tested.
            contrast: the same of its contrast.

        Raises:
            UsageError: as of `TransferEvidence.add`.
        """
        for evidence, seen in ((self.reaction, reaction), (self.contrast, contrast)):
            if evidence is not None:
                evidence.add(seen)
        each = np.asarray([one.log10_e_value for one in self._tested]) * LOG_10
        self.log10_e_value = (float(log_sum(each)) - log(len(each))) / LOG_10
        self.highest = max(self.highest, self.log10_e_value)
        return self.log10_e_value

    @property
    def _tested(self) -> list[TransferEvidence]:
        return [one for one in (self.reaction, self.contrast) if one is not None]


def upper_bound(reactions: Sequence[float], *, confidence: float) -> float:
    """An upper confidence bound for the mean reaction: bets that it is lower, turned round.

    The smallest m at which betting on less than m, over the same grid of bets, has earned
    1/(1 − confidence). Valid for independent reactions whose means differ, as the product of
    1 + λ(m − μ_i) is largest where all μ_i are equal.

    Args:
        reactions: of an unrelated model, one for each trigger.
        confidence: between 0 and 1, such as 0.99.

    Returns:
        The bound; nearly 1 where the reactions are too few for any other.

    Raises:
        UsageError: no reactions, one outside [0, 1], or a confidence that is none.
    """
    if not reactions:
        raise UsageError("expected the reaction to at least one trigger, got none")
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"expected a confidence between 0 and 1, got {confidence}; try 0.99")
    for one in reactions:
        _check(one)
    seen, needed = np.asarray(reactions, dtype=np.float64), -log(1.0 - confidence)

    def short_of(mean: float) -> float:
        wealth = np.log1p(np.asarray(BETS)[:, None] * ((1.0 - seen) / (1.0 - mean) - 1.0)).sum(1)
        return float(log_sum(wealth + np.log(WEIGHTS))) - needed

    lowest, highest = float(seen.mean()), 1.0 - 1e-9
    if short_of(highest) < 0.0:
        return 1.0
    return float(brentq(short_of, lowest, highest, xtol=1e-9)) + 1e-9


def _check(reaction: float) -> None:
    if not 0.0 <= reaction <= 1.0:
        raise UsageError(f"expected a reaction between 0 and 1, got {reaction}")
