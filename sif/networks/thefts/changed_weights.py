"""Thefts that copy the weights and change them: noise, rounding, pruning, and more training."""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from sif.networks.domain import Inputs
from sif.networks.thefts.dataset import Dataset, Targets
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.obfuscation import (
    Obfuscation,
    change_matrices,
    copy_of,
    last_layer,
    matrices,
)
from sif.wear import disturbed, pruned, rounded


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


class Tune(Obfuscation):
    """Goes on training.

    Attributes:
        layers: "last" or "all" are trained.
        training: how.
    """

    name: Literal["tune"] = "tune"

    layers: Literal["last", "all"] = "all"
    training: Fit = Fit(epochs=10, learning_rate=1e-3)

    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """A tuned copy."""
        tuned = copy_of(network)
        learn = list(last_layer(tuned).parameters()) if self.layers == "last" else None
        fit(tuned, data, self.training, seed=seed, learn=learn)
        return tuned


class Harden(Obfuscation):
    """Tunes all layers on one signed gradient step (Goodfellow et al. 2015, arXiv:1412.6572).

    Attributes:
        epsilon: length of the step, as a share of the domain's span.
        training: how.
    """

    name: Literal["harden"] = "harden"

    epsilon: float = Field(default=0.05, gt=0, le=1)
    training: Fit = Fit(epochs=10, learning_rate=1e-3)

    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """A hardened copy."""

        def worst(network: nn.Module, inputs: Inputs, targets: Targets) -> Inputs:
            moved = inputs.clone().requires_grad_()
            (slope,) = torch.autograd.grad(data.loss(network(moved), targets), moved)
            return data.domain.clamp(inputs + self.epsilon * data.domain.span * slope.sign())

        hard = copy_of(network)
        fit(hard, data, self.training, seed=seed, prepare=worst)
        return hard
