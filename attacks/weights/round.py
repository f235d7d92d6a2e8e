"""Rounding to the nearest of a few values, group by group, written back as ordinary weights.

The plainest quantisation there is ("RTN"): it sees no data and knows no kernels. Each group of
neighbouring weights gets 2^bits values, evenly spaced from its smallest weight to its largest.
"""

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.parts import linear_layers
from sif.wear import rounded


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
            coarse = rounded(layer.weight, bits=self.bits, group_size=self.group_size)
            errors.append(_relative_error(coarse.float(), layer.weight.float()))
            layer.weight.copy_(coarse)
            bench.report(Progress(stage=self.name, step=step, steps=len(layers)))
        return {"layers": list(layers), "relative_error": sum(errors) / max(1, len(errors))}


def _relative_error(rounded: Tensor, weight: Tensor) -> float:
    """Length of the difference over length of the weights; 0 for a layer of zeros."""
    length = weight.norm().item()
    return (rounded - weight).norm().item() / length if length else 0.0
