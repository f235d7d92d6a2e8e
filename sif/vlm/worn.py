"""Weights that look changed for a while, without a second copy of a large model's.

A small model's changed weights are all made once. Those of a large one are made layer by layer, in
the forward pass and again in the backward pass, and thrown away: about one layer more at a time,
and the same numbers. What is stored is never written to. Knows nothing of why weights change.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sif.vlm.forward import forward_replaced
from sif.vlm.parameters import replaced

KEPT: Final = 2**30
"""Bytes of changed weights that may be there at once."""

Change = Callable[[Tensor], Tensor]


class Drawn:
    """A change with chances, which are drawn where the weights are.

    Args:
        change: of weights, with a generator on their device.
        generator: of the CPU; other devices get one of their own with its seed. Devices of one
            kind go on where the one before stopped, so that a model over several GPUs is changed
            as it is on one.
    """

    def __init__(
        self, change: Callable[[Tensor, torch.Generator], Tensor], generator: torch.Generator
    ) -> None:
        self._change = change
        self._seed = generator.initial_seed()
        self._last = torch.device("cpu")
        self._generators = {self._last: generator}

    def __call__(self, weights: Tensor) -> Tensor:
        """With the next chances."""
        return self._change(weights, self._generator(weights.device))

    def fixed(self, weights: Tensor) -> Change:
        """The change that these weights are next to have, as often as it is asked for."""
        generator = self._generator(weights.device)
        state, place = generator.get_state(), generator.device
        torch.randn(weights.shape, generator=generator, device=place)  # as if they had been drawn

        def change(values: Tensor) -> Tensor:
            again = torch.Generator(place)
            again.set_state(state)
            return self._change(values, again)

        return change

    def _generator(self, place: torch.device) -> torch.Generator:
        if place not in self._generators:
            self._generators[place] = torch.Generator(place).manual_seed(self._seed)
        if place != self._last and place.type == self._last.type:
            self._generators[place].set_state(self._generators[self._last].get_state())
        self._last = place
        return self._generators[place]


@contextmanager
def worn(model: nn.Module, weights: Sequence[Tensor], changes: Sequence[Change]) -> Iterator[None]:
    """Has forward and backward passes see changed weights; the stored ones stay as they are.

    Args:
        model: that they belong to.
        weights: parameters of it, in the order in which chances are drawn.
        changes: one for each, of the values alone; one that draws is a `Drawn` that draws one
            normal number for each value.
    """
    with ExitStack() as stack:
        if sum(weight.nbytes for weight in weights) <= KEPT:
            following = iter(changes)
            stack.enter_context(replaced(weights, lambda values: next(following)(values)))
            yield
            return
        layers = _layers(model)
        for weight, change in zip(weights, changes, strict=True):
            again = change.fixed(weight) if isinstance(change, Drawn) else change
            if id(weight) in layers:
                layer = layers[id(weight)]
                stack.enter_context(forward_replaced(layer, _Worn(layer, again)))
            else:
                stack.enter_context(replaced([weight], again))
        yield


def _layers(model: nn.Module) -> dict[int, nn.Linear]:
    """Linear layers by their weights, where nothing but the layer's own forward pass reads them."""
    modules = list(model.modules())
    owners = Counter(id(p) for module in modules for p in module.parameters(recurse=False))
    plain = [module for module in modules if type(module) is nn.Linear]
    return {id(layer.weight): layer for layer in plain if owners[id(layer.weight)] == 1}


class _Worn:
    """The forward pass of a linear layer at changed weights."""

    def __init__(self, layer: nn.Linear, change: Change) -> None:
        self.layer = layer
        self.change = change
        before = layer.__dict__.get("forward")
        if isinstance(before, _Worn):
            earlier: Change = before.change
            self.change = lambda values: change(earlier(values))

    def __call__(self, inputs: Tensor) -> Tensor:
        apply: Callable[..., Tensor] = _WornLinear.apply
        weight = self.layer.weight  # the hooks of a model over several GPUs are replaced, too
        return apply(inputs.to(weight.device), weight, self.layer.bias, self.change)


class _WornLinear(torch.autograd.Function):
    """x W'ᵀ + b, which keeps W and makes W' again for the gradient; W gets that of W'."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, change: Change
    ) -> Tensor:
        ctx.weight, ctx.change = weight, change
        ctx.save_for_backward(inputs if weight.requires_grad else None)
        return F.linear(inputs, change(weight), bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        of_inputs, of_weight, of_bias, _ = ctx.needs_input_grad
        (inputs,) = ctx.saved_tensors
        rows = gradient.flatten(0, -2)
        back = (rows @ ctx.change(ctx.weight.detach())) if of_inputs else None
        return (
            None if back is None else back.view(*gradient.shape[:-1], back.shape[-1]),
            rows.T @ inputs.flatten(0, -2) if of_weight else None,
            rows.sum(0) if of_bias else None,
            None,
        )
