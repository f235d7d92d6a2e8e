"""The upper tail of a sum of many independent integers, accurate relative to its own size.

A plain Fourier convolution has an absolute error near 1e-16 and loses smaller tails altogether.
So every part is first tilted exponentially, p(h)·exp(θh)/M(θ), with the θ that moves the mean of
the sum onto the threshold s. There the tilted sum is at its most likely, the Fourier transform is
accurate, and P(S ≥ s) = M(θ)·exp(−θs)·Σ_{k≥0} exp(−θk)·q(s+k) for the tilted probabilities q. The
transform covers 12 standard deviations and 60 steps on either side of s; by Bernstein's inequality
the chance of what lies outside is below e^-70. Below the mean, the lower tail is computed so and
taken from 1. Knows nothing of words or verdicts.
"""

from collections.abc import Sequence
from math import ceil, inf, log, sqrt
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from sif.ownership.logspace import log_sum

Part = tuple[int, np.ndarray, int]
"""Smallest value, log probabilities from there on, and how many such variables there are."""


class _Tilted(NamedTuple):
    log_moment: float
    mean: float
    variance: float


def log_upper_tail(parts: Sequence[Part], threshold: int) -> float:
    """Natural logarithm of P(S ≥ threshold), S being the sum of all variables in `parts`."""
    lowest = sum(start * times for start, _, times in parts)
    highest = lowest + sum((len(logs) - 1) * times for _, logs, times in parts)
    if threshold <= lowest:
        return 0.0
    if threshold > highest:
        return -inf
    if threshold == highest:
        return float(sum(logs[-1] * times for _, logs, times in parts))
    if threshold <= _tilt(parts, 0.0).mean:
        below = log_upper_tail([_mirror(part) for part in parts], 1 - threshold)
        return float(np.log1p(-np.exp(below)))
    theta = _tilt_towards(parts, threshold)
    tilted = _tilt(parts, theta)
    reach = min(highest - lowest, ceil(12 * sqrt(tilted.variance)) + 60)
    chances = _probabilities_from(parts, theta, threshold=threshold, reach=reach)
    tail = float(np.exp(-theta * np.arange(reach + 1)) @ chances)
    return min(0.0, tilted.log_moment - theta * threshold + log(tail))


def _mirror(part: Part) -> Part:
    start, logs, times = part
    return 1 - start - len(logs), logs[::-1], times


def _tilt(parts: Sequence[Part], theta: float) -> _Tilted:
    """Log moment generating function of the sum at θ, and mean and variance once tilted."""
    moment = mean = variance = 0.0
    for start, logs, times in parts:
        values = start + np.arange(len(logs), dtype=np.float64)
        log_moment = float(log_sum(logs + theta * values))
        chances = np.exp(logs + theta * values - log_moment)
        centre = float(chances @ values)
        moment += times * log_moment
        mean += times * centre
        variance += times * float(chances @ (values - centre) ** 2)
    return _Tilted(moment, mean, variance)


def _tilt_towards(parts: Sequence[Part], threshold: int) -> float:
    """The θ > 0 that moves the mean up to the threshold."""

    def gap(theta: float) -> float:
        return _tilt(parts, theta).mean - threshold

    upper = 1.0
    while gap(upper) < 0.0:
        upper *= 2.0
    return float(brentq(gap, 0.0, upper, xtol=1e-6))


def _probabilities_from(
    parts: Sequence[Part], theta: float, *, threshold: int, reach: int
) -> np.ndarray:
    """Tilted probabilities of the sums threshold … threshold + reach, by Fourier transform."""
    length = 1 << (2 * reach).bit_length()
    transform = np.ones(length // 2 + 1, dtype=np.complex128)
    for _, logs, times in parts:
        exponents = logs + theta * np.arange(len(logs))
        folded = np.bincount(
            np.arange(len(logs)) % length,
            weights=np.exp(exponents - log_sum(exponents)),
            minlength=length,
        )
        transform *= np.fft.rfft(folded) ** times
    around = np.fft.irfft(transform, length)
    start = sum(start * times for start, _, times in parts)
    wanted = (threshold - start + np.arange(reach + 1)) % length
    return np.asarray(np.maximum(around[wanted], 0.0))
