"""What thefts do to single weight matrices: rounding, pruning, noise.

Pure functions of tensors; knows nothing of models, of thefts or of what holds against them.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Weights = Float[Tensor, "outputs inputs"]
EXACT: Final = 2**20
"""Weights whose threshold is sought among all of them."""
SAMPLE: Final = 2**16
BLOCK: Final = 2**22
"""Weights that are rounded at a time, in float32."""


def rounded(weights: Weights, *, bits: int, group_size: int) -> Weights:
    """Every weight at the nearest of 2^bits values, evenly spaced between its group's extremes.

    Args:
        weights: in any precision, which they keep.
        bits: of a weight.
        group_size: neighbours along the input dimension that share a grid; a row's last group may
            be shorter.
    """
    worn = torch.empty_like(weights)
    rows = max(1, BLOCK // max(1, weights.shape[1]))
    for some, place in zip(weights.split(rows), worn.split(rows), strict=True):
        place.copy_(_rounded(some.float(), steps=2**bits - 1, group_size=group_size))
    return worn


def _rounded(weights: Weights, *, steps: int, group_size: int) -> Weights:
    rows, columns = weights.shape
    whole = columns // group_size * group_size
    grouped = weights[:, :whole].reshape(rows, -1, group_size)
    parts = [_on_grid(grouped, steps=steps).reshape(rows, whole)]
    if whole < columns:
        parts.append(_on_grid(weights[:, whole:], steps=steps))
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


def _on_grid(group: Tensor, *, steps: int) -> Tensor:
    least, most = group.aminmax(dim=-1, keepdim=True)
    step = (most - least) / steps
    codes = ((group - least) / step.where(step > 0, 1)).round()
    return least + codes * step


def pruned(weights: Weights, share: float) -> Weights:
    """With the smallest `share` of them at zero; their number is rounded to the nearest."""
    number = round(share * weights.numel())
    kept = weights.flatten().clone()
    kept[kept.abs().topk(number, largest=False).indices] = 0
    return kept.view_as(weights)


def thinned(weights: Weights, share: float) -> Weights:
    """As `pruned`, but a large matrix's threshold is that of a sample, which costs next to nothing.

    The share that becomes zero is then right to about half a percent.
    """
    if weights.numel() <= EXACT:
        return pruned(weights, share)
    flat = weights.flatten()
    place = torch.arange(SAMPLE, device=flat.device) * (flat.numel() // SAMPLE)
    threshold = flat[place].float().abs().quantile(share).to(weights.dtype)
    # What this keeps lies above its bound; what is kept here lies at the threshold or above.
    below = torch.nextafter(threshold, torch.zeros_like(threshold))
    return F.hardshrink(weights, float(below))


def disturbed(weights: Weights, sigma: float, generator: torch.Generator) -> Weights:
    """With Gaussian noise of `sigma` times their standard deviation, drawn where its generator is.

    A generator of the CPU gives the same noise whatever the device of the weights.
    """
    size = sigma * weights.float().std()
    noise = torch.randn(weights.shape, generator=generator, device=generator.device)
    return noise.to(weights.device).mul_(size).add_(weights).to(weights.dtype)
