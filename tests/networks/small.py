"""A world of tiny networks: two sides of one task, trained in a second."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sif.networks.architecture import Mlp, build
from sif.networks.domain import Domain
from sif.networks.thefts import Noise
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit, fit

DOMAIN = Domain(shape=(6,), lower=-1.0, upper=1.0)
FITTING = {"epochs": 8, "learning_rate": 0.01}
CONFIG: dict[str, object] = {
    "task": "made up",
    "inputs": {"shape": [6], "lower": -1.0, "upper": 1.0},
    "outputs": "logits",
    "data": "data.safetensors",
    "protected": "torch:mine.safetensors",
    "copies": {"made": [{"name": "noise", "sigma": 0.05}, {"name": "quantize"}], "seeds": 2},
    "independent": {"made": 3, "training": FITTING},
    "threshold": {"made": 4, "training": FITTING, "false_positive_rate": 0.2},
    "method": {"fingerprints": 10, "iterations": 100, "input_rate": 0.01, "verifier_rate": 0.01},
}
"""Of `sif metav train`, in little, for files beside it."""
ARCHITECTURE = Mlp(inputs=(6,), widths=(12,), outputs=(3,))


class Small(NamedTuple):
    protected: nn.Module
    copies: list[nn.Module]
    others: list[nn.Module]
    unseen_copies: list[nn.Module]
    unseen_others: list[nn.Module]
    data: Dataset


def examples(number: int = 200, seed: int = 0) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    inputs = DOMAIN.sample(number, generator)
    targets = (inputs[:, :3] + 0.3 * inputs[:, 3:]).argmax(1)
    return Dataset(inputs=inputs, targets=targets, domain=DOMAIN)


def trained(seed: int, data: Dataset, epochs: float = 10) -> nn.Module:
    network = build(ARCHITECTURE, seed=seed).eval()
    fit(network, data, Fit(epochs=epochs, learning_rate=1e-2), seed=seed)
    return network


def noisy(network: nn.Module, seed: int) -> nn.Module:
    return Noise(sigma=0.05)(network, examples(2), seed)


def small_world() -> Small:
    data = examples()
    protected = trained(1, data)
    return Small(
        protected=protected,
        copies=[noisy(protected, seed) for seed in range(3)],
        others=[trained(seed, data) for seed in (2, 3, 4)],
        unseen_copies=[noisy(protected, seed) for seed in (10, 11)],
        unseen_others=[trained(seed, data) for seed in (12, 13, 14, 15)],
        data=data,
    )


class Constant(nn.Module):
    """Says the same to everything."""

    def __init__(self, said: Tensor) -> None:
        super().__init__()
        self.said = nn.Parameter(said, requires_grad=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.said.expand(len(inputs), *self.said.shape) + 0 * inputs.sum()
