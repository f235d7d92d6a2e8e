"""The signal `jaccard`: how many meaningful words the two answers share.

The paper flags values under 0.1 (Zhao, Lou, Zheng, arXiv 2604.17041). Knows no models.
"""

from collections.abc import Sequence

from sif.attacks.divergence.exchange import Exchange
from sif.attacks.divergence.signal import Side, Signal
from sif.attacks.divergence.words import content_words


def jaccard(one: str, other: str) -> float:
    """Shared words over all words, stop words left out; 1 where neither holds any."""
    first, second = content_words(one), content_words(other)
    union = first | second
    return len(first & second) / len(union) if union else 1.0


class WordOverlap(Signal):
    """Jaccard overlap of the non-stop words of both answers."""

    name = "jaccard"
    side = Side.BELOW

    def measure(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """From 0 (no common word) to 1 (the same words); None unless both answered."""
        return [texts and jaccard(*texts) for texts in (one.texts for one in exchanges)]
