"""PLA: the image step is taken where the parameters have moved against it.

Knows nothing of what the loss is. Source: Wang et al., "Tracking the Copyright of Large
Vision-Language Models through Parameter Learning Adversarial Images" (ICLR 2025), in the form that
the released SIF code has it: θ' = θ + β clip(∇_θ L(x; θ), ±c), then ∇_x L(x; θ'), then θ again.
"""

from dataclasses import dataclass
from functools import partial

from torch import Tensor

from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext
from sif.vlm.parameters import parameters_of, trainable
from sif.vlm.worn import worn


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterAscent:
    """Takes the gradient at parameters that have ascended the loss by one small step.

    A step costs two forward and backward passes and a gradient for every parameter.
    The triggers of a batch share the parameters, which ascend the mean of their losses; the
    published method makes one trigger at a time (a batch of one).

    A parameter moves by β c = 5e-7 at most with the published values. In bfloat16 that is rounded
    away wherever the parameter is larger than about 2.6e-4: load the model in float32.

    Args:
        rate: β.
        clip: c, the largest absolute value of an element of the gradient.
    """

    rate: float = 1e-4
    clip: float = 5e-3

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """Two passes: to the parameters, and to the pixels at the parameters so moved.

        The gradient function raises RuntimeError where the loss depends on no parameter.
        """
        parameters = parameters_of(context.vlm)

        def gradient(images: Tensor) -> Gradient:
            with trainable(parameters):
                inner(images)
                slopes = [(it, it.grad) for it in parameters if it.grad is not None]
            if not slopes:
                raise RuntimeError(
                    "expected a loss that depends on the parameters, got no gradient"
                )
            moved = [parameter for parameter, _slope in slopes]
            up = [partial(self._ascended, slope=slope, batch=len(images)) for _it, slope in slopes]
            with worn(context.vlm.model, moved, up):
                return inner(images)

        return gradient

    def _ascended(self, weights: Tensor, *, slope: Tensor, batch: int) -> Tensor:
        step = (slope / batch).clamp(-self.clip, self.clip)
        return weights.add(step, alpha=self.rate)
