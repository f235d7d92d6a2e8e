"""The signal `length`: how many words the suspect answers.

The released code flags answers under the 3rd percentile of benign ones. Knows no models.
"""

from collections.abc import Sequence

from sif.attacks.divergence.exchange import Exchange
from sif.attacks.divergence.signal import Side, Signal
from sif.attacks.divergence.words import words
from sif.types import Answer


class AnswerLength(Signal):
    """Words in the suspect's answer."""

    name = "length"
    side = Side.BELOW

    def measure(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """Words of each answer; None where the suspect gave none."""
        replies = [one.suspect for one in exchanges]
        return [
            float(len(words(reply.text))) if isinstance(reply, Answer) else None
            for reply in replies
        ]
