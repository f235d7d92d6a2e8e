"""The contract of a robustness term: it takes the step's gradient function and returns another.

A gradient function maps images to the loss of every image and its gradient. A term may change the
images first, run it more than once, or change the model while it runs; terms compose as functions
do. Knows no objective and no single term but for what several need.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from sif.vlm.model import Vlm


class Gradient(NamedTuple):
    """Loss of every image, and its gradient to the pixels."""

    loss: Float[Tensor, " batch"]
    images: Float[Tensor, "batch 3 height width"]


GradientFunction = Callable[[Tensor], Gradient]
LossFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class StepContext:
    """What a term may know of the step.

    Args:
        vlm: the model.
        step: its number.
        seeds: one for each trigger.
        shared_seed: of what all triggers share; the first one's where None.
    """

    vlm: Vlm
    step: int
    seeds: tuple[int, ...]
    shared_seed: int | None = None

    def generator(self, index: int) -> torch.Generator:
        """A CPU generator of trigger `index` for this step, whatever else is in the batch."""
        return self._generator(self.seeds[index])

    def shared_generator(self) -> torch.Generator:
        """A CPU generator of this step for what all triggers share, such as the weights."""
        return self._generator(self.seeds[0] if self.shared_seed is None else self.shared_seed)

    def _generator(self, seed: int) -> torch.Generator:
        mixed = (seed * 1_000_003 + self.step) % (2**63 - 1)
        return torch.Generator().manual_seed(mixed)


@runtime_checkable
class Term(Protocol):
    """One thing that a trigger must hold against."""

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """The gradient function that holds against it."""
        ...


def plain_gradient(loss: LossFunction) -> GradientFunction:
    """Back-propagation and nothing else; leaves anywhere in the graph get their gradients too."""

    def gradient(images: Tensor) -> Gradient:
        leaf = images.detach().requires_grad_()
        losses = loss(leaf)
        losses.sum().backward()
        if leaf.grad is None:
            raise RuntimeError("expected a loss that depends on the images, got one that does not")
        return Gradient(losses.detach(), leaf.grad)

    return gradient


def gradient_behind(
    change: Callable[[Tensor, torch.Generator], Tensor],
    inner: GradientFunction,
    context: StepContext,
) -> GradientFunction:
    """The gradient to the images as they are, taken at changed ones.

    Args:
        change: makes another image of one, with the chances of its trigger.
        inner: the gradient at the changed images.
        context: of the step.
    """

    def gradient(images: Tensor) -> Gradient:
        leaf = images.detach().requires_grad_()
        changed = torch.stack(
            [change(image, context.generator(index)) for index, image in enumerate(leaf)]
        )
        result = inner(changed.detach())
        (pulled,) = torch.autograd.grad(changed, leaf, result.images)
        return Gradient(result.loss, pulled)

    return gradient
