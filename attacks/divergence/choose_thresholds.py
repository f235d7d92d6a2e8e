"""Chooses limits on benign traffic, for a false-positive rate that all signals together keep.

Let x₁ be the most suspicious of n benign values, x₂ the next. One signal alone flags what lies
beyond x_r with r = ⌊q(n + 1)⌋: a further benign value, exchangeable with these, is flagged with a
probability of at most r / (n + 1) ≤ q, whatever its distribution (split conformal prediction: Vovk,
Gammerman, Shafer, Algorithmic Learning in a Random World, 2005).
`bonferroni` gives each of k signals q = fpr / k. `joint` takes the same r for all, the largest at
which the share of benign exchanges that would be flagged, each left out of the choice of the limits
in its turn, is at most fpr (and none above that of one signal alone); it gives nothing away where
signals agree, but is exact only nearly.
What a choice is worth is measured on other benign traffic. Knows no signals by name.
"""

from collections.abc import Mapping, Sequence
from math import floor

import numpy as np

from sif.attacks.divergence.signal import Side, Signal
from sif.attacks.divergence.thresholds import (
    PRESETS,
    Kind,
    Method,
    Threshold,
    Thresholds,
    Values,
)
from sif.errors import UsageError


def calibrate_thresholds(
    signals: Sequence[Signal], benign: Sequence[Values], *, fpr: float, method: Method = "joint"
) -> Thresholds:
    """Limits for signals that together flag at most `fpr` of benign traffic.

    Args:
        signals: to be combined; those with a limit of their own keep it, outside the promise.
        benign: what each measured on benign exchanges.
        fpr: total false-positive rate, in (0, 1).
        method: how it is shared among the signals.

    Raises:
        UsageError: no benign exchange, or too few for that rate.
    """
    if not 0.0 < fpr < 1.0:
        raise UsageError(f"expected a false-positive rate between 0 and 1, got {fpr}; try 0.05")
    chosen = [signal for signal in signals if signal.own_limit is None]
    columns = {one.name: _column(one, benign) for one in chosen}
    if method == "bonferroni":
        share = fpr / max(1, len(chosen))
        ranks = [floor(share * (len(columns[one.name]) + 1)) for one in chosen]
    else:
        ranks = [_joint_rank(chosen, benign, columns, fpr)] * len(chosen)
    if chosen and min(ranks) < 1:
        raise UsageError(
            f"expected benign questions enough to hold {fpr:.1%} false positives with "
            f"{len(chosen)} signals, got {len(benign)} to choose limits on; give about "
            f"{2 * (floor(len(chosen) / fpr) + 1)} in all, a larger --fpr or fewer --signals"
        )
    limits = [
        _threshold(one, columns[one.name][rank - 1])
        for one, rank in zip(chosen, ranks, strict=True)
    ]
    return Thresholds(
        kind="calibrated",
        limits=(*limits, *_own(signals)),
        fpr=fpr,
        method=method,
        calibration=len(benign),
    )


def published_thresholds(
    kind: Kind, signals: Sequence[Signal], benign: Sequence[Values]
) -> Thresholds:
    """The paper's limits, or the released code's percentiles of benign traffic.

    Args:
        kind: paper or release.
        signals: those that the set does not name are left out.
        benign: for the percentiles.

    Raises:
        UsageError: none of the signals is in the set, or no benign exchange for percentiles.
    """
    numbers = PRESETS[kind]
    chosen = [one for one in named_by(kind, signals) if one.own_limit is None]
    if kind == "paper":
        limits = [_threshold(one, numbers[one.name]) for one in chosen]
    else:
        limits = [
            _threshold(one, float(np.percentile(_column(one, benign), numbers[one.name])))
            for one in chosen
        ]
    calibration = 0 if kind == "paper" else len(benign)
    return Thresholds(kind=kind, limits=(*limits, *_own(signals)), calibration=calibration)


def named_by(kind: Kind, signals: Sequence[Signal]) -> list[Signal]:
    """Those signals that a kind of limits can limit: all, or those that a published set names.

    Raises:
        UsageError: none is left.
    """
    if kind == "calibrated":
        return list(signals)
    named = [one for one in signals if one.name in PRESETS[kind] or one.own_limit is not None]
    if not named:
        raise UsageError(
            f"expected with the {kind} thresholds one of their signals "
            f"({', '.join(PRESETS[kind])}), got {', '.join(one.name for one in signals)}"
        )
    return named


def _joint_rank(
    signals: Sequence[Signal],
    benign: Sequence[Values],
    columns: Mapping[str, list[float]],
    fpr: float,
) -> int:
    """The largest common rank at which leaving out each exchange flags at most `fpr` of them.

    It is never above the rank of one signal alone, so that equal values in a small set, none of
    which would be flagged, do not pass for a rate that was shown.

    An exchange that is left out moves x_{r+1} up to the r-th place if it lay beyond, so it is
    flagged just if it lies beyond x_{r+1} of all.
    """
    longest = min((len(column) for column in columns.values()), default=0)
    most = min(floor(fpr * (longest + 1)), longest - 1)
    for rank in range(1, most + 1):
        limits = [_threshold(one, columns[one.name][rank]) for one in signals]
        flagged = sum(
            any(limit.flags(values.get(limit.signal)) for limit in limits) for values in benign
        )
        if flagged > fpr * len(benign):
            return rank - 1
    return max(0, most)


def _column(signal: Signal, benign: Sequence[Values]) -> list[float]:
    """What a signal measured, the most suspicious first."""
    seen = [value for values in benign if (value := values.get(signal.name)) is not None]
    if not seen:
        raise UsageError(
            f"expected benign exchanges to choose the limit of {signal.name} on, got none that "
            "both models answered; give other pictures with --benign"
        )
    return sorted(seen, reverse=signal.side is Side.ABOVE)


def _threshold(signal: Signal, limit: float) -> Threshold:
    return Threshold(signal=signal.name, side=signal.side, limit=limit)


def _own(signals: Sequence[Signal]) -> list[Threshold]:
    return [_threshold(one, one.own_limit) for one in signals if one.own_limit is not None]
