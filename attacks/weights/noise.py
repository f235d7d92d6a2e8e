"""Gaussian noise on weights, in proportion to each layer's own spread."""

from typing import Any, ClassVar

import torch
from pydantic import Field

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.parts import linear_layers
from sif.wear import disturbed


class Noise(WeightAttack):
    """Adds noise to every linear layer, output head and embeddings excepted.

    Attributes:
        sigma: standard deviation of the noise as a fraction of that of the layer's weights.
        seed: of the noise, which is drawn on the CPU and so does not depend on the device.
    """

    name: ClassVar[str] = "noise"

    sigma: float = Field(gt=0)
    seed: int = 0

    @torch.no_grad()
    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Adds the noise in place."""
        generator = torch.Generator().manual_seed(self.seed)
        layers = linear_layers(model)
        for step, layer in enumerate(layers.values(), start=1):
            layer.weight.copy_(disturbed(layer.weight, self.sigma, generator))
            bench.report(Progress(stage=self.name, step=step, steps=len(layers)))
        return {"layers": len(layers)}
