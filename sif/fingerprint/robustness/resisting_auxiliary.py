"""AGDI's adversary: the image learns against a copy of the model that learns to resist it.

Knows nothing of what the loss is. Source: Xia et al., AGDI (CVPR 2026, arXiv 2602.18845), whose
auxiliary model is tuned during the attack to withhold the wanted text. We found no rates of it;
the step is that of PLA (`ParameterAscent`), but what it moves stays moved:
θ_{s+1} = θ_s + β clip(∇_θ L(x_s; θ_s), ±c), with θ_0 the owner's parameters, while the image x_s
descends ∇_x L(x_s; θ_s).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext
from sif.vlm.parameters import parameters_of, replaced, trainable


@dataclass(slots=True, kw_only=True)
class ResistingAuxiliary:
    """Takes the gradient at an auxiliary copy, which ascends the loss from step to step.

    Image and auxiliary learn from the same pass, so that a step costs one, with a gradient for
    every parameter. The owner's parameters are never written to: the auxiliary is a second set of
    values, which costs their memory once more. It begins as the owner's in step 0, and learns from
    the first pass of a step where a term around it takes several. What a term around it does to the
    weights it does not see. The triggers of a batch share it, and it ascends the mean of their
    losses: make one trigger at a time.

    An element moves by β c at most in a step. In bfloat16 small steps are rounded away: load the
    model in float32.

    Args:
        rate: β.
        clip: c, the largest absolute value of an element of the gradient.
        every: the auxiliary learns in every n-th step of the image.
    """

    rate: float
    clip: float = 5e-3
    every: int = 1
    _values: list[Tensor] | None = field(default=None, init=False, repr=False, compare=False)

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """The gradient at the auxiliary; then it takes its own step.

        The gradient function raises RuntimeError where the loss depends on no parameter.
        """
        parameters: Sequence[Any] = parameters_of(context.vlm)
        if context.step == 0 or self._values is None:
            self._values = [parameter.detach().clone() for parameter in parameters]
        auxiliary, learns = self._values, not (context.step + 1) % self.every

        def gradient(images: Tensor) -> Gradient:
            nonlocal learns
            values = iter(auxiliary)
            with replaced(parameters, lambda _owners: next(values)):
                if not learns:
                    return inner(images)
                with trainable(parameters):
                    result = inner(images)
                    slopes = [parameter.grad for parameter in parameters]
            self._resist(auxiliary, slopes, batch=len(images))
            learns = False
            return result

        return gradient

    @torch.no_grad()
    def _resist(
        self, values: Sequence[Tensor], slopes: Sequence[Tensor | None], *, batch: int
    ) -> None:
        found = [(value, it) for value, it in zip(values, slopes, strict=True) if it is not None]
        if not found:
            raise RuntimeError("expected a loss that depends on the parameters, got no gradient")
        for value, slope in found:
            value.add_((slope / batch).clamp(-self.clip, self.clip), alpha=self.rate)
