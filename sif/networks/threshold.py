"""When a score is a copy's: a threshold chosen on held-out networks, or a rank among references.

Held-out networks must be independent of the protected one, unseen by training, and drawn like the
innocents to come (exchangeable with them). References must be trained like the protected network
(exchangeable with it), whatever the innocents are. Nothing here can check either.
"""

import math
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from sif.errors import UsageError

CONFIDENCE: Final = 0.95


class Threshold(BaseModel):
    """Scores above `value` are those of copies.

    Attributes:
        value: τ.
        wanted_rate: the false-positive rate that was asked for.
        held_out: independent networks that the threshold was chosen on.
        above: of those, how many score above it.
        rate_low: lower end of the two-sided 95% Clopper–Pearson interval of the rate.
        rate_high: its upper end. It holds though the threshold was chosen on the same networks, for
            the rate above the (k+1)-th largest of n scores has the distribution Beta(k+1, n-k).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    wanted_rate: float = Field(gt=0, lt=1)
    held_out: int = Field(ge=1)
    above: int = Field(ge=0)
    rate_low: float
    rate_high: float

    @property
    def reachable(self) -> bool:
        """Whether so many networks can show the wanted rate at all: a p-value of 1 / (n + 1)."""
        return self.held_out + 1 >= 1 / self.wanted_rate - 1e-9


class RankRule(BaseModel):
    """Copies are those whose rank among the references has a p-value of at most `wanted_rate`.

    Attributes:
        wanted_rate: the false-positive rate that was asked for.
        references: K, networks trained like the protected one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    wanted_rate: float = Field(gt=0, lt=1)
    references: int = Field(ge=1)

    @property
    def rate(self) -> float:
        """What the rate is at most: the largest multiple of 1 / (K + 1) within the wanted one."""
        return math.floor(self.wanted_rate * (self.references + 1) + 1e-9) / (self.references + 1)

    @property
    def reachable(self) -> bool:
        """Whether any p-value is as small as the wanted rate."""
        return self.rate > 0


def choose_threshold(negatives: Sequence[float], rate: float) -> Threshold:
    """The least threshold that at most a share `rate` of n + 1 exchangeable networks exceeds.

    With k = ⌊rate (n + 1)⌋ - 1 scores allowed above it, but never fewer than none, it is the
    (k + 1)-th largest score: then a new innocent exceeds it with a probability of at most
    (k + 1) / (n + 1), which is the rate or less wherever n is at least 1 / rate - 1.

    Args:
        negatives: scores of held-out independent networks.
        rate: in (0, 1).

    Raises:
        UsageError: no networks, or a rate outside of (0, 1).
    """
    if not negatives:
        raise UsageError(
            "expected held-out independent networks to choose a threshold on, got none"
        )
    if not 0 < rate < 1:
        raise UsageError(f"expected a false-positive rate between 0 and 1, got {rate}")
    number = len(negatives)
    allowed = max(0, math.floor(rate * (number + 1) + 1e-9) - 1)
    value = sorted(negatives, reverse=True)[allowed]
    above = sum(score > value for score in negatives)
    low, high = clopper_pearson(above, number)
    return Threshold(
        value=value, wanted_rate=rate, held_out=number, above=above, rate_low=low, rate_high=high
    )


def clopper_pearson(
    hits: int, number: int, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Two-sided exact interval of a probability, from `hits` among `number` independent trials."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, number - hits + 1))
    high = 1.0 if hits == number else float(beta.ppf(1 - tail, hits + 1, number - hits))
    return low, high


def conformal_p_value(score: float, negatives: Sequence[float]) -> float:
    """(1 + held-out scores that reach it) / (n + 1), a conformal p-value (Vovk et al. 2005).

    Where the suspect is one more draw from what the held-out networks were drawn from, it is at
    most p with a probability of at most p, over the draw of all of them. It says nothing of an
    innocent of another kind, and can never be below 1 / (n + 1).
    """
    return (1 + sum(other >= score for other in negatives)) / (len(negatives) + 1)
