"""Parts of any network that thefts work on: its last layer, and its matrices."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from sif.errors import ModelError


def copy_of(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode that needs no gradient."""
    return copy.deepcopy(network).eval().requires_grad_(False)


def last_layer(network: nn.Module) -> nn.Module:
    """The last module that holds parameters of its own, which in nearly all networks is the head.

    Raises:
        ModelError: the network has no parameters.
    """
    holders = [module for module in network.modules() if list(module.parameters(recurse=False))]
    if not holders:
        raise ModelError("expected a network with parameters, got one without")
    return holders[-1]


def matrices(network: nn.Module) -> list[nn.Parameter]:
    """Every parameter of two axes or more; biases and scales are left out."""
    return [parameter for parameter in network.parameters() if parameter.dim() > 1]


@torch.no_grad()
def change_matrices(network: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
    """Puts every matrix through a function, in place; kernels are taken as rows by filter."""
    for parameter in matrices(network):
        parameter.copy_(change(parameter.flatten(1)).view_as(parameter))


def afresh(network: nn.Module, *, seed: int) -> nn.Module:
    """The same architecture with new initial weights.

    Parameters that no module knows how to draw (embeddings of places, scales) are drawn like
    their present values: with the same mean and standard deviation.
    """
    fresh = copy_of(network)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in fresh.modules():
            reset = getattr(module, "reset_parameters", None)
            own = list(module.parameters(recurse=False))
            if callable(reset):
                reset()
            elif own:
                for parameter in own:
                    spread = parameter.std() if parameter.numel() > 1 else parameter.abs().mean()
                    parameter.copy_(parameter.mean() + spread * torch.randn_like(parameter))
    return fresh
