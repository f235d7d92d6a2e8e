"""The arithmetic of merging, on weights and on task vectors: tuned weights minus their base's.

Everything but `cutoff` works on one tensor of every model at a time. Knows nothing of models.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

HALF: Final = 16  # bits; a magnitude's sign bit is 0, which leaves 15 above them


def interpolate(
    first: Float[Tensor, "*shape"], second: Float[Tensor, "*shape"], *, weight: float
) -> Float[Tensor, "*shape"]:
    """The point at `weight` of the way from the first to the second."""
    return (1 - weight) * first + weight * second


def trim(tasks: Float[Tensor, " models *shape"], cutoffs: list[float]) -> Tensor:
    """Sets to zero what is smaller than its model's cutoff."""
    limits = torch.tensor(cutoffs, device=tasks.device).view(-1, *[1] * (tasks.dim() - 1))
    return tasks.where(tasks.abs() >= limits, 0)


def merge_agreeing(tasks: Float[Tensor, " models *shape"]) -> Float[Tensor, "*shape"]:
    """Elects the sign of the sum, and takes the mean of the non-zero values that have it.

    Where values cancel out exactly no sign is elected and nothing is changed.
    """
    elected = tasks.sum(dim=0).sign()
    agree = tasks.sign() == elected
    return (tasks * agree).sum(dim=0) / agree.sum(dim=0).clamp(min=1)


def cutoff(values: Callable[[], Iterable[Tensor]], *, density: float) -> float:
    """The smallest magnitude among the largest, when `density` of all values are to be kept.

    The bits of a non-negative float order as the float does. So two passes that count, one over
    the upper half of the bits and one over the lower, rank a whole model without holding it.

    Args:
        values: gives a model's tensors, float32; called twice.
        density: share to keep; the number is rounded to the nearest, but is at least 1.
    """
    upper = _histogram((_bits(part) >> HALF for part in values()), size=2 ** (31 - HALF))
    number = max(1, round(density * int(upper.sum())))
    high, above = _reach(upper, number)
    lower = _histogram(
        (bits[bits >> HALF == high] & (2**HALF - 1) for bits in map(_bits, values())),
        size=2**HALF,
    )
    low, _ = _reach(lower, number - above)
    return torch.tensor(high << HALF | low, dtype=torch.int32).view(torch.float32).item()


class _Reached(NamedTuple):
    bucket: int
    above: int


def _reach(counts: Int[Tensor, " buckets"], number: int) -> _Reached:
    """The bucket of the value at this rank from the top, and how many lie in those above it."""
    summed = counts.flip(0).cumsum(0)
    place = int(torch.searchsorted(summed, number))
    bucket = len(counts) - 1 - place
    return _Reached(bucket, int(summed[place] - counts[bucket]))


def _bits(part: Float[Tensor, "*shape"]) -> Int[Tensor, " values"]:
    return part.abs().flatten().view(torch.int32)


def _histogram(keys: Iterable[Int[Tensor, " values"]], *, size: int) -> Int[Tensor, " buckets"]:
    total = torch.zeros(size, dtype=torch.int64)
    for key in keys:
        total += torch.bincount(key, minlength=size).cpu()
    return total
