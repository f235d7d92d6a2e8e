"""Sums of numbers that are held as natural logarithms.

`scipy.special.logsumexp` spends most of its time on dispatch where arrays are this short; a long
audit calls it a hundred thousand times.
"""

import numpy as np


def log_sum(logs: np.ndarray) -> np.ndarray:
    """Logarithm of the sum along the last axis."""
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top).sum(axis=-1)) + top[..., 0])
