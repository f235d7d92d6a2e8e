"""What a baseline knows of a model: inputs in, logits out, gradients through. Nothing else."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Inputs = Float[Tensor, "batch ..."]
Logits = Float[Tensor, "batch classes"]
Classifier = Callable[[Tensor], Tensor]
"""From `Inputs` to `Logits`, with gradients to every input."""
BATCH = 128


@torch.no_grad()
def predict(model: Classifier, inputs: Inputs, *, batch: int = BATCH) -> Int[Tensor, " batch"]:
    """The class with the highest logit for each input."""
    return torch.cat([model(part).argmax(-1) for part in inputs.split(batch)])


def input_gradient(
    model: Classifier, inputs: Inputs, loss: Callable[[Tensor], Tensor]
) -> tuple[Inputs, Logits]:
    """The gradient of a sum of losses, one for each input, and the logits it was taken at.

    Args:
        model: the classifier.
        inputs: at which.
        loss: from logits to one loss for each input.
    """
    moved = inputs.detach().requires_grad_(True)
    logits = model(moved)
    (slope,) = torch.autograd.grad(loss(logits).sum(), moved)
    return slope, logits.detach()
