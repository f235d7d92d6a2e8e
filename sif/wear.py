"""What thefts do to single weight matrices: rounding, pruning, noise.

Pure functions of tensors; knows nothing of models, of thefts or of what holds against them.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

Weights = Float[Tensor, "outputs inputs"]
SAMPLE: Final = 2**20


def rounded(weights: Weights, *, bits: int, group_size: int) -> Weights:
    """Every weight at the nearest of 2^bits values, evenly spaced between its group's extremes.

    Args:
        weights: in any precision, which they keep.
        bits: of a weight.
        group_size: neighbours along the input dimension that share a grid; a row's last group may
            be shorter.
    """
    groups = weights.float().split(group_size, dim=1)
    return torch.cat([_on_grid(group, steps=2**bits - 1) for group in groups], 1).to(weights.dtype)


def _on_grid(group: Weights, *, steps: int) -> Weights:
    least, most = group.aminmax(dim=1, keepdim=True)
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
    if weights.numel() <= SAMPLE:
        return pruned(weights, share)
    flat = weights.flatten()
    place = torch.arange(SAMPLE, device=flat.device) * (flat.numel() // SAMPLE)
    threshold = flat[place].float().abs().quantile(share)
    return weights.where(weights.abs() >= threshold, 0)


def disturbed(weights: Weights, sigma: float, generator: torch.Generator) -> Weights:
    """With Gaussian noise of `sigma` times their standard deviation, drawn where its generator is.

    A generator of the CPU gives the same noise whatever the device of the weights.
    """
    exact = weights.float()
    noise = torch.randn(exact.shape, generator=generator, device=generator.device).to(exact.device)
    return (exact + sigma * exact.std() * noise).to(weights.dtype)
