"""Activation checkpointing as a term: the same gradient with less memory, for a third more time.

Knows nothing of what the loss is.
"""

from dataclasses import dataclass

from torch import Tensor

from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext
from sif.vlm.checkpointing import checkpointed


@dataclass(frozen=True, slots=True)
class Checkpointing:
    """Outermost of the terms; no recipe names it, as it changes nothing of the result."""

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """The same gradient; what is inside a block is computed again instead of being kept."""

        def gradient(images: Tensor) -> Gradient:
            with checkpointed(context.vlm):
                return inner(images)

        return gradient
