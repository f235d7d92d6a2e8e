"""Adversarial training: tuning on inputs that are moved against the network."""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from sif.networks.thefts.dataset import Dataset, Inputs, Targets
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.layers import copy_of
from sif.networks.thefts.obfuscation import Obfuscation


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
