"""What a thief of any network does, and the parts of a network that thefts work on.

A theft is settings, and one call from a network to its changed copy.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from sif.errors import ModelError
from sif.networks.thefts.dataset import Dataset
from sif.validation import Numeric


class Obfuscation(Numeric, ABC):
    """Hyper-parameters of one way to hide a stolen network; a call gives the hidden copy.

    Attributes:
        copies_weights: False for thefts that only ask the network (distillation, extraction).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    copies_weights: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """A new network in evaluation mode; the one given stays as it is.

        Args:
            network: stolen.
            data: what the thief has of the task.
            seed: of everything that is drawn.
        """


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
