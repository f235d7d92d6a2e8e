"""Magnitude pruning, then tuning of the weights that are left."""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.layers import change_matrices, copy_of, matrices
from sif.networks.thefts.obfuscation import Obfuscation
from sif.wear import pruned


class Prune(Obfuscation):
    """Sets the smallest weights of every matrix to zero; tuning keeps them there.

    Attributes:
        fraction: share of every matrix that becomes zero.
        training: of the rest; None for none.
    """

    name: Literal["prune"] = "prune"

    fraction: float = Field(default=0.4, gt=0, lt=1)
    training: Fit | None = Fit(epochs=10, learning_rate=1e-3)

    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """A pruned copy."""
        thin = copy_of(network)
        change_matrices(thin, lambda weights: pruned(weights, self.fraction))
        if self.training is not None:
            kept = [(weights, (weights != 0).float()) for weights in matrices(thin)]

            @torch.no_grad()
            def hold() -> None:
                for weights, mask in kept:
                    weights.mul_(mask)

            fit(thin, data, self.training, seed=seed, after=hold)
        return thin
