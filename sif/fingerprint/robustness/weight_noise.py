"""RNA: the gradient is taken at weights with a little Gaussian noise.

Knows nothing of what the loss is. The baseline of the PLA paper (Wang et al., ICLR 2025), in the
form that the released SIF code has it: W' = W + λ σ(W) n, n ~ N(0, 1), W a tensor of weights and
σ(W) the standard deviation of its elements.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext
from sif.vlm.parameters import parameters_of, restored


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightNoise:
    """Draws noise for every step, and takes it away again.

    The triggers of a batch share the weights and therefore the noise, which comes from the seed of
    the first: a batch of one is reproducible by itself. A device draws its own noise, so that CPU
    and GPU differ. In bfloat16 noise of the published size is mostly rounded away: load the model
    in float32.

    Args:
        scale: λ, the noise's standard deviation as a share of each weight tensor's own.
    """

    scale: float = 1e-4

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """One pass at noisy weights; the weights are put back bit for bit."""
        parameters = parameters_of(context.vlm)
        seed = context.generator(0).initial_seed()

        def gradient(images: Tensor) -> Gradient:
            with restored(parameters):
                self._disturb(parameters, seed)
                return inner(images)

        return gradient

    @torch.no_grad()
    def _disturb(self, parameters: Sequence[nn.Parameter], seed: int) -> None:
        generators: dict[torch.device, torch.Generator] = {}
        for parameter in parameters:
            place = parameter.device
            if place not in generators:
                generators[place] = torch.Generator(place).manual_seed(seed)
            noise = torch.randn(parameter.shape, generator=generators[place], device=place)
            deviation = float(parameter.float().std(correction=0))
            parameter.add_(noise, alpha=self.scale * deviation)
