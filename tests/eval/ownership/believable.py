"""When a simulated false-claim rate contradicts its level."""

from scipy.stats import binom

from sif.eval.ownership.results import Rate


def believable(rate: Rate) -> bool:
    """Whether so many claims, or more, have a chance of 1 in 10,000 at the nominal level."""
    return bool(binom.sf(rate.claims - 1, rate.audits, rate.alpha) > 1e-4)
