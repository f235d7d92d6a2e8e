"""RNA: the gradient is taken at weights with a little Gaussian noise.

Knows nothing of what the loss is. The baseline of the PLA paper (Wang et al., ICLR 2025), in the
form that the released SIF code has it: W' = W + λ σ(W) n, n ~ N(0, 1), W a tensor of weights and
σ(W) the standard deviation of its elements.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext
from sif.vlm.parameters import parameters_of
from sif.vlm.worn import Drawn, worn


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightNoise:
    """Draws noise for every step, and takes it away again.

    The triggers of a batch share the weights and therefore the noise. Each of them meets Gaussian
    noise that is independent from step to step, as if it were made alone. The noise comes from the
    shared seed: with one for a whole set (`Batch.shared_seed`) it does not depend on the batches
    that the set is cut into; without one it comes from the first trigger of the batch. A device
    draws its own noise, so that CPU and GPU differ. In bfloat16 noise of the published size is
    mostly rounded away: load the model in float32.

    Args:
        scale: λ, the noise's standard deviation as a share of each weight tensor's own.
    """

    scale: float = 1e-4

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """One pass at noisy weights; the stored ones stay as they are."""
        parameters = parameters_of(context.vlm)

        def gradient(images: Tensor) -> Gradient:
            noise = Drawn(self._disturbed, context.shared_generator())
            with worn(context.vlm.model, parameters, [noise] * len(parameters)):
                return inner(images)

        return gradient

    def _disturbed(self, weights: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(weights.shape, generator=generator, device=generator.device)
        deviation = float(weights.float().std(correction=0))
        noise = noise.to(weights.device)
        return torch.add(weights, noise, alpha=self.scale * deviation).to(weights.dtype)
