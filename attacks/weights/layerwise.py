"""Attacks that change every linear layer by itself: pruning, 2:4 pruning, noise, rounding.

Knows nothing of data, nor of how a layer's weights are worn (`sif.wear`); the output head and the
embeddings stay as they are.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.parts import linear_layers
from sif.wear import disturbed, pruned, rounded


class Prune(WeightAttack):
    """Sets the given fraction of every linear layer's weights to zero, smallest magnitudes first.

    Unstructured magnitude pruning, layer by layer.

    Attributes:
        fraction: share of each layer's weights; the number is rounded to the nearest.
    """

    name: ClassVar[str] = "prune"

    fraction: float = Field(gt=0, lt=1)

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Prunes in place."""
        layers = _rewrite(model, partial(pruned, share=self.fraction), bench, stage=self.name)
        return {"layers": len(layers)}


class TwoOfFour(WeightAttack):
    """Sets two of every four neighbours along a linear layer's input to zero, the smallest ones.

    The pattern that sparse tensor cores compute with (Mishra et al. 2021, arXiv:2104.08378). A
    row's last one to three weights, where its length is no multiple of four, stay as they are.
    """

    name: ClassVar[str] = "prune-2:4"

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Prunes in place."""
        return {"layers": len(_rewrite(model, keep_two_of_four, bench, stage=self.name))}


class Noise(WeightAttack):
    """Adds Gaussian noise to every linear layer, in proportion to the layer's own spread.

    Attributes:
        sigma: standard deviation of the noise as a fraction of that of the layer's weights.
        seed: of the noise, which is drawn on the CPU and so does not depend on the device.
    """

    name: ClassVar[str] = "noise"

    sigma: float = Field(gt=0)
    seed: int = 0

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Adds the noise in place."""
        generator = torch.Generator().manual_seed(self.seed)
        noisy = partial(disturbed, sigma=self.sigma, generator=generator)
        return {"layers": len(_rewrite(model, noisy, bench, stage=self.name))}


class Round(WeightAttack):
    """Rounds the linear layers that bitsandbytes would quantise too, to the nearest of few values.

    The plainest quantisation there is ("RTN"): it sees no data and knows no kernels. Each group of
    neighbouring weights gets 2^bits values, evenly spaced from its smallest weight to its largest,
    which are stored in the model's own precision.

    Attributes:
        bits: of a weight.
        group_size: neighbours along the input dimension that share a grid; a row's last group may
            be shorter.
    """

    name: ClassVar[str] = "round"

    bits: int = Field(ge=2, le=8)
    group_size: int = Field(default=64, ge=1)

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Rounds in place; tells the layers and the mean of their relative errors."""
        errors: list[float] = []

        def coarse(weight: Tensor) -> Tensor:
            values = rounded(weight, bits=self.bits, group_size=self.group_size)
            errors.append(_relative_error(values.float(), weight.float()))
            return values

        layers = _rewrite(model, coarse, bench, stage=self.name)
        return {"layers": layers, "relative_error": sum(errors) / max(1, len(errors))}


@torch.no_grad()
def _rewrite(
    model: Any, change: Callable[[Tensor], Tensor], bench: Workbench, *, stage: str
) -> list[str]:
    """Puts what `change` makes of every layer's weights in their place; names the layers."""
    layers = linear_layers(model)
    for step, layer in enumerate(layers.values(), start=1):
        layer.weight.copy_(change(layer.weight))
        bench.report(Progress(stage=stage, step=step, steps=len(layers)))
    return list(layers)


def keep_two_of_four(weight: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """A copy in which the two smallest magnitudes of every four neighbours in a row are zero."""
    whole = weight.shape[1] // 4 * 4
    groups = weight[:, :whole].reshape(weight.shape[0], -1, 4)
    smallest: Int[Tensor, "rows groups 2"] = groups.abs().topk(2, dim=-1, largest=False).indices
    kept = groups.scatter(-1, smallest, 0.0).reshape(weight.shape[0], whole)
    return torch.cat([kept, weight[:, whole:]], dim=1)


def _relative_error(rounded: Tensor, weight: Tensor) -> float:
    """Length of the difference over length of the weights; 0 for a layer of zeros."""
    length = weight.norm().item()
    return (rounded - weight).norm().item() / length if length else 0.0
