"""A share of some things with its exact interval. Knows nothing of what is counted."""

from typing import NamedTuple


class Share(NamedTuple):
    """A share with its exact (Clopper–Pearson) interval."""

    share: float
    low: float
    high: float


def share_of(hits: int, total: int, *, confidence: float = 0.95) -> Share | None:
    """`hits` of `total`; none where there is nothing to share.

    Args:
        hits: things that were found.
        total: things that were looked at.
        confidence: of the two-sided interval.
    """
    from scipy.stats import binomtest

    if not total:
        return None
    interval = binomtest(hits, total).proportion_ci(confidence_level=confidence, method="exact")
    return Share(hits / total, float(interval.low), float(interval.high))
