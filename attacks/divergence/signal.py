"""What every signal is: a number for each exchange, and on which side of it suspicion lies.

Knows nothing of single signals or of limits.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from sif.attacks.divergence.exchange import Exchange


class Side(StrEnum):
    """Where values are suspicious."""

    ABOVE = "above"
    BELOW = "below"


class Signal(ABC):
    """One signal.

    Attributes:
        name: by which thresholds name it.
        side: where its values are suspicious.
        own_limit: a limit that comes with it and is never calibrated; None for most.
        passes: forward passes of a model that it has made; of a judge, its requests.
    """

    name: ClassVar[str]
    side: ClassVar[Side]
    own_limit: ClassVar[float | None] = None
    passes: int = 0

    @abstractmethod
    def measure(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """A value for each exchange, in order; None where there is nothing to measure."""
