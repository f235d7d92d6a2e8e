"""Simulated copies: the gradient is taken at the weights that a thief's copy would have.

One kind of wear is drawn for each step: none, rounding to a few bits, pruning, noise. Which step
sees which is fixed by the seed of the first trigger; a batch shares the weights. Costs no pass.
Knows nothing of what the loss is.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sif.errors import ModelError
from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext
from sif.vlm.model import Vlm
from sif.vlm.worn import Change, Drawn, worn
from sif.wear import disturbed, rounded, thinned

GROUP = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCopies:
    """Wears the linear layers, all but the output head, as thefts do; puts them back.

    Args:
        plain: probability of the weights as they are; the other kinds share the rest equally.
        bits: widths that weights are rounded to, in groups of 64.
        prune: lowest and highest share of a layer's weights that are set to zero.
        noise: highest standard deviation of the noise, as a share of the layer's own.
    """

    plain: float = 0.25
    bits: tuple[int, ...] = (3, 4)
    prune: tuple[float, float] = (0.1, 0.4)
    noise: float = 0.1

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """The gradient at worn weights.

        Raises:
            ModelError: the model has no linear layers in floating point.
        """
        wear = self._draw(context.shared_generator())
        if wear is None:
            return inner
        layers = _linear_weights(context.vlm)

        def gradient(images: Tensor) -> Gradient:
            with worn(context.vlm.model, layers, [wear] * len(layers)):
                return inner(images)

        return gradient

    def _draw(self, generator: torch.Generator) -> Change | None:
        choice, strength = torch.rand(2, generator=generator).tolist()
        if choice < self.plain:
            return None
        match int(3 * (choice - self.plain) / (1 - self.plain + 1e-9)):
            case 0:
                bits = self.bits[int(strength * len(self.bits))]
                return lambda weights: rounded(weights, bits=bits, group_size=GROUP)
            case 1:
                share = self.prune[0] + strength * (self.prune[1] - self.prune[0])
                return lambda weights: thinned(weights, share)
            case _:
                sigma = strength * self.noise
                return Drawn(lambda weights, chances: disturbed(weights, sigma, chances), generator)


def _linear_weights(vlm: Vlm) -> list[Tensor]:
    head = vlm.model.get_output_embeddings()
    found: list[Tensor] = [
        module.weight
        for module in vlm.model.modules()
        if isinstance(module, nn.Linear) and module is not head
    ]
    if not found or not all(weight.is_floating_point() for weight in found):
        raise ModelError(
            f"expected a model with linear layers in floating point, got none in {vlm.source}; "
            "load it unquantised"
        )
    return found
