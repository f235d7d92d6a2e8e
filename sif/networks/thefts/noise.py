"""Gaussian noise on every matrix, in proportion to its own spread."""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.layers import change_matrices, copy_of
from sif.networks.thefts.obfuscation import Obfuscation
from sif.wear import disturbed


class Noise(Obfuscation):
    """Adds noise; data have no part in it.

    Attributes:
        sigma: standard deviation as a fraction of that of the matrix.
    """

    name: Literal["noise"] = "noise"

    sigma: float = Field(default=0.1, gt=0)

    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """A disturbed copy."""
        noisy = copy_of(network)
        generator = torch.Generator().manual_seed(seed)
        change_matrices(noisy, lambda weights: disturbed(weights, self.sigma, generator))
        return noisy
