"""Limits of signals, and which signals flag what. Knows not how limits are chosen.

The published ones are presets: `PAPER` holds numbers, `RELEASE` percentiles of benign traffic.
"""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from sif.attacks.divergence.signal import Side

Values = Mapping[str, float | None]
"""What each signal measured on one exchange, by its name."""

Kind = Literal["calibrated", "paper", "release"]
Method = Literal["joint", "bonferroni"]

# Zhao, Lou, Zheng (arXiv 2604.17041), section on the semantic divergence attack.
PAPER: Final[Mapping[str, float]] = MappingProxyType({"perplexity": 1000.0, "jaccard": 0.1})
# Percentiles of benign traffic in the released code (UCF-ML-Research/SIF-VLM-Fingerprint).
RELEASE: Final[Mapping[str, float]] = MappingProxyType(
    {"perplexity": 95.0, "cosine": 1.0, "length": 3.0}
)
PRESETS: Final[Mapping[Kind, Mapping[str, float]]] = MappingProxyType(
    {"paper": PAPER, "release": RELEASE}
)


class Threshold(BaseModel):
    """One signal's limit; values beyond it, on the suspicious side, are flagged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: str
    side: Side
    limit: float

    def flags(self, value: float | None) -> bool:
        """Whether a value lies beyond; what could not be measured is never flagged."""
        if value is None:
            return False
        return value > self.limit if self.side is Side.ABOVE else value < self.limit


class Thresholds(BaseModel):
    """A set of limits; a query is flagged where any of them flags it.

    Attributes:
        kind: how they came about.
        limits: one for each signal.
        fpr: the total false-positive rate aimed at; None for published ones.
        method: how that was shared among the signals; None for published ones.
        calibration: benign exchanges that they were chosen on; 0 where none were needed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    limits: tuple[Threshold, ...]
    fpr: float | None = None
    method: Method | None = None
    calibration: int = 0

    def flagged(self, values: Values) -> frozenset[str]:
        """Names of the signals that flag an exchange."""
        return frozenset(one.signal for one in self.limits if one.flags(values.get(one.signal)))

    @property
    def digest(self) -> str:
        """Ten hex digits that tell sets of limits apart."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:10]


def tabulated(columns: Mapping[str, Sequence[float | None]], exchanges: int) -> list[Values]:
    """What every signal measured, exchange by exchange instead of signal by signal."""
    return [{name: column[row] for name, column in columns.items()} for row in range(exchanges)]
