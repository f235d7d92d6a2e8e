"""Unstructured magnitude pruning: in every linear layer the smallest weights become zero.

Knows nothing of data: weights are chosen by their size alone, layer by layer.
"""

from typing import Any, ClassVar

import torch
from pydantic import Field

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.parts import linear_layers
from sif.wear import pruned


class Prune(WeightAttack):
    """Sets the given fraction of every linear layer's weights to zero, smallest magnitudes first.

    Attributes:
        fraction: share of each layer's weights; the number is rounded to the nearest.
    """

    name: ClassVar[str] = "prune"

    fraction: float = Field(gt=0, lt=1)

    @torch.no_grad()
    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Prunes in place, the output head and the embeddings excepted."""
        layers = linear_layers(model)
        for step, layer in enumerate(layers.values(), start=1):
            layer.weight.copy_(pruned(layer.weight, self.fraction))
            bench.report(Progress(stage=self.name, step=step, steps=len(layers)))
        return {"layers": len(layers)}
