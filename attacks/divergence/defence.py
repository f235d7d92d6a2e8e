"""The semantic divergence attack as a suspect: a stolen model that hides behind a benign one.

Every question goes to both; where the signals find that the answers diverge or the prompt is odd,
the benign reference's answer is given instead (Zhao, Lou, Zheng, arXiv 2604.17041). Knows neither
engines nor single signals.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from sif.attacks.divergence.exchange import Exchange, exchange
from sif.attacks.divergence.signal import Signal
from sif.attacks.divergence.thresholds import Thresholds, Values, tabulated
from sif.errors import UsageError
from sif.types import Query, Reply, Suspect

WEIGHTS: Final = re.compile(r"@([0-9a-f]{8,})(?:[?\s]|$)")


class SemanticDivergenceDefence:
    """A suspect that answers flagged questions by another model's words.

    Put the `Journalled` of both models inside: what it gives is computed from these anew.

    Args:
        suspect: the stolen model.
        reference: a benign one.
        thresholds: which values are flagged.
        signals: all that the thresholds name.

    Raises:
        UsageError: the reference is the suspect itself, or a threshold's signal is missing.

    Attributes:
        asked: questions so far.
        flagged: of these, how many were flagged.
        flags: how many each signal flagged; one question may be flagged by several.
    """

    def __init__(
        self,
        suspect: Suspect,
        reference: Suspect,
        thresholds: Thresholds,
        signals: Sequence[Signal],
    ) -> None:
        refuse_same(suspect, reference)
        known, named = {one.name for one in signals}, {one.signal for one in thresholds.limits}
        if not named <= known:
            raise UsageError(
                f"expected a signal for every threshold, got none for {', '.join(named - known)}"
            )
        self._suspect = suspect
        self._reference = reference
        self._thresholds = thresholds
        self._signals = [one for one in signals if one.name in named]
        self.asked = self.flagged = 0
        self.flags: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """That of the suspect, then the reference and a digest of the limits."""
        beside = f"divergence from {self._reference.name}, limits {self._thresholds.digest}"
        return f"{self._suspect.name} ({beside})"

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """The suspect's replies, or the reference's where a question was flagged.

        Raises:
            SuspectError: one of both cannot be reached.
        """
        exchanges = exchange(self._suspect, self._reference, queries)
        replies: list[Reply] = []
        for one, values in zip(exchanges, measure(self._signals, exchanges), strict=True):
            reasons = self._thresholds.flagged(values)
            self.flags.update(reasons)
            self.flagged += bool(reasons)
            replies.append(one.reference if reasons else one.suspect)
        self.asked += len(exchanges)
        return replies

    def close(self) -> None:
        """Closes both."""
        self._suspect.close()
        self._reference.close()


def measure(signals: Sequence[Signal], exchanges: Sequence[Exchange]) -> list[Values]:
    """What every signal says of every exchange."""
    return tabulated({one.name: one.measure(exchanges) for one in signals}, len(exchanges))


def refuse_same(suspect: Suspect, reference: Suspect) -> None:
    """Two names of one model are told by the digest of its weights.

    Raises:
        UsageError: the reference is the suspect itself.
    """
    weights = [WEIGHTS.findall(one.name) for one in (suspect, reference)]
    alike = bool(weights[0]) and weights[0] == weights[1]
    if suspect is reference or suspect.name == reference.name or alike:
        raise UsageError(
            f"expected another model as the reference, got the suspect itself ({reference.name}): "
            "its answers never diverge from themselves; name a model that is not derived from yours"
        )
