"""Rounding to the nearest of a few values, group by group, written back as ordinary weights.

The plainest quantisation there is ("RTN"): it sees no data and knows no kernels. Each group of
neighbouring weights gets 2^bits values, evenly spaced from its smallest weight to its largest.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.parts import linear_layers


class Round(WeightAttack):
    """Rounds the linear layers that bitsandbytes would quantise too: not the output head.

    The rounded values are stored in the model's own precision.

    Attributes:
        bits: of a weight.
        group_size: neighbours along the input dimension that share a grid; a row's last group may
            be shorter.
    """

    name: ClassVar[str] = "round"

    bits: int = Field(ge=2, le=8)
    group_size: int = Field(default=64, ge=1)

    @torch.no_grad()
    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Rounds in place; tells the layers and the mean of their relative errors."""
        layers = linear_layers(model)
        errors = []
        for step, layer in enumerate(layers.values(), start=1):
            weight = layer.weight.float()
            rounded = round_groups(weight, bits=self.bits, group_size=self.group_size)
            stored = rounded.to(layer.weight.dtype)
            errors.append(_relative_error(stored.float(), weight))
            layer.weight.copy_(stored)
            bench.report(Progress(stage=self.name, step=step, steps=len(layers)))
        return {"layers": list(layers), "relative_error": sum(errors) / max(1, len(errors))}


def round_groups(
    weight: Float[Tensor, "rows columns"], *, bits: int, group_size: int
) -> Float[Tensor, "rows columns"]:
    """Moves every weight to the nearest value of its group's grid."""
    groups = weight.split(group_size, dim=1)
    return torch.cat([_round_rows(group, steps=2**bits - 1) for group in groups], dim=1)


def _round_rows(
    group: Float[Tensor, "rows columns"], *, steps: int
) -> Float[Tensor, "rows columns"]:
    least, most = group.aminmax(dim=1, keepdim=True)
    step = (most - least) / steps
    codes = ((group - least) / step.where(step > 0, 1)).round()
    return least + codes * step


def _relative_error(rounded: Tensor, weight: Tensor) -> float:
    """Length of the difference over length of the weights; 0 for a layer of zeros."""
    length = weight.norm().item()
    return (rounded - weight).norm().item() / length if length else 0.0
