"""Sums of numbers that are held as natural logarithms.

`scipy.special.logsumexp` spends most of its time on dispatch where arrays are this short; a long
audit calls it a hundred thousand times.
"""

from math import log
from typing import Final

import numpy as np

LOG_10: Final = log(10.0)
SMALLEST: Final = 2.3e-308


def log_sum(logs: np.ndarray) -> np.ndarray:
    """Logarithm of the sum along the last axis."""
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top).sum(axis=-1)) + top[..., 0])


def as_probability(log_probability: float) -> float:
    """A probability from its natural logarithm, kept above 0, so that it stays an upper bound."""
    return float(min(1.0, max(SMALLEST, np.exp(log_probability))))
