"""RFO: worst-case noise on the hidden states of several layers at once.

Knows nothing of what the loss is. Source: Zhao, Lou, Zheng, CVPR 2026 (arXiv 2604.17041):
ε*_l = ρ g_l / (Σ_j ‖g_j‖²)^{1/2}, g_l = ∇_{h_l} L, jointly over the chosen layers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sif.fingerprint.robustness.term import Gradient, GradientFunction, StepContext


@dataclass(slots=True, kw_only=True)
class RepresentationNoise:
    """Takes the gradient where the hidden states are pushed the worst way by a norm of ρ.

    Args:
        radius: ρ, the joint Euclidean norm of the noise of one trigger over all chosen layers.
        every: chooses every n-th block of the language model (1 for all).
        reuse: take the noise from the previous step's backward pass, so that a step costs one
            forward and backward pass instead of two.
    """

    radius: float
    every: int = 1
    reuse: bool = False
    _noise: list[Tensor] | None = field(default=None, init=False, repr=False)

    def around(self, inner: GradientFunction, context: StepContext) -> GradientFunction:
        """Two passes (or one, with `reuse`): find the noise, then take the pixel gradient."""
        layers = context.vlm.layers[:: self.every]

        def gradient(images: Tensor) -> Gradient:
            if not self.reuse:
                with added(layers, None) as leaves:
                    inner(images)
                with added(layers, worst_noise(leaves, self.radius)):
                    return inner(images)
            with added(layers, self._noise) as leaves:
                result = inner(images)
            self._noise = worst_noise(leaves, self.radius)
            return result

        return gradient


def worst_noise(leaves: Sequence[Tensor], radius: float) -> list[Tensor]:
    """ε*_l for every layer; each example of the batch has the joint norm ρ.

    Args:
        leaves: per layer a leaf "batch positions hidden" whose gradient has been computed.
        radius: ρ.

    Raises:
        RuntimeError: a layer received no gradient.
    """
    gradients = []
    for number, leaf in enumerate(leaves):
        if leaf.grad is None:
            raise RuntimeError(f"expected a gradient at every chosen layer, got none at {number}")
        gradients.append(leaf.grad.detach().float())
    squares = [gradient.flatten(1).square().sum(1) for gradient in gradients]
    place = squares[0].device  # of a model over several GPUs, layers are on others
    scale = radius / torch.stack([it.to(place) for it in squares]).sum(0).sqrt().clamp(min=1e-30)
    return [
        (gradient * scale.to(leaf.device).view(-1, *[1] * (gradient.dim() - 1))).to(leaf.dtype)
        for gradient, leaf in zip(gradients, leaves, strict=True)
    ]


@contextmanager
def added(layers: Sequence[nn.Module], noise: Sequence[Tensor] | None) -> Iterator[list[Tensor]]:
    """Adds a leaf tensor to the output of every layer: `noise`, or zeros where it does not fit.

    Yields:
        The leaves, in the order of the layers, once a forward pass has been run; after a backward
        pass each holds the gradient to its layer's hidden states.
    """
    leaves: list[Tensor | None] = [None] * len(layers)

    def hook_for(index: int) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            hidden = output[0] if isinstance(output, tuple) else output
            leaf = leaves[index]
            if leaf is None:
                fits = noise is not None and noise[index].shape == hidden.shape
                value = noise[index] if noise is not None and fits else torch.zeros_like(hidden)
                leaf = leaves[index] = value.detach().clone().requires_grad_()
            shifted = hidden + leaf
            return (shifted, *output[1:]) if isinstance(output, tuple) else shifted

        return hook

    handles = [layer.register_forward_hook(hook_for(index)) for index, layer in enumerate(layers)]
    filled: list[Tensor] = []
    try:
        yield filled
    finally:
        for handle in handles:
            handle.remove()
        filled.extend(leaf for leaf in leaves if leaf is not None)
