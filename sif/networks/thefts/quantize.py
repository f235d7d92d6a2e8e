"""Rounding of every matrix to a few values, row by row."""

from typing import Literal

from pydantic import Field
from torch import nn

from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.layers import change_matrices, copy_of
from sif.networks.thefts.obfuscation import Obfuscation
from sif.wear import rounded


class Quantize(Obfuscation):
    """Rounds weights to 2^bits evenly spaced values; data and seed have no part in it.

    Attributes:
        bits: of a weight.
        group_size: neighbours in a row that share a grid.
    """

    name: Literal["quantize"] = "quantize"

    bits: int = Field(default=4, ge=2, le=8)
    group_size: int = Field(default=64, ge=1)

    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """A rounded copy."""
        coarse = copy_of(network)
        change_matrices(
            coarse, lambda weights: rounded(weights, bits=self.bits, group_size=self.group_size)
        )
        return coarse
