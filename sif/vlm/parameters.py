"""A model's parameters, changed for a while and put back bit for bit. Knows nothing of losses."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sif.errors import ModelError
from sif.vlm.model import Vlm


def parameters_of(vlm: Vlm) -> list[nn.Parameter]:
    """Every parameter that can be moved a little: those in floating point, tied ones once.

    Raises:
        ModelError: there are none.
    """
    found = [p for p in vlm.model.parameters() if p.is_floating_point()]
    if not found:
        raise ModelError(
            f"expected a model with floating-point parameters, got none in {vlm.source}; load it "
            "unquantised"
        )
    return found


def cast(module: nn.Module, dtype: torch.dtype) -> None:
    """Another precision, in place; complex buffers stay, which `Module.to` would cut to real."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)


@contextmanager
def restored(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Puts the values back at the end, whatever happened; costs a second copy of them."""
    kept = [parameter.detach().clone() for parameter in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, values in zip(parameters, kept, strict=True):
                parameter.copy_(values)


@contextmanager
def replaced(parameters: Sequence[Tensor], change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Has the parameters hold changed values for a while; the old ones are not copied."""
    before = [parameter.data for parameter in parameters]
    try:
        for parameter, values in zip(parameters, before, strict=True):
            parameter.data = change(values)
        yield
    finally:
        for parameter, values in zip(parameters, before, strict=True):
            parameter.data = values


@contextmanager
def trainable(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Lets the parameters collect gradients, from none; what they had before is put back."""
    before = [(parameter.requires_grad, parameter.grad) for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
            parameter.grad = None
        yield
    finally:
        for parameter, (required, gradient) in zip(parameters, before, strict=True):
            parameter.requires_grad_(required)
            parameter.grad = gradient


@contextmanager
def fixed(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """What is computed meanwhile gives the parameters no gradient."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
