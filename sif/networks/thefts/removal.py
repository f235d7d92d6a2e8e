"""Removal of a fingerprint by a thief who has the weights and no label: after RemovalNet.

Yao et al.: "RemovalNet: DNN Fingerprint Removal Attacks" (arXiv:2308.12319). The copy learns the
stolen network's answers, which keeps it useful, while its inner features are pushed away from the
stolen network's, and for classifiers its boundaries too: each answer to be learnt is mixed with the
farthest other answer, as strongly as its best class bears, and learnt beside that class alone.

The paper alternates two optimisations, features to aim at and weights that reach them, at one layer
in the last block. Here both losses are one, and the features are what the last layer reads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from sif.errors import ModelError, UsageError
from sif.networks.domain import Inputs
from sif.networks.network import Outputs
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.obfuscation import (
    Obfuscation,
    change_matrices,
    copy_of,
    last_layer,
)
from sif.wear import disturbed

# At equal features the cosine has no slope; noise of this share of a matrix's spread gives one.
NUDGE: Final = 0.01
# The paper's code tries these shares of the own answer, from 0.2 on.
SHARES: Final = tuple(share / 100 for share in range(20, 100, 5))
AT_ONCE: Final = 4096
"""Answers whose distances from all others are in memory together."""
Features = Float[Tensor, "batch ..."]


class Remove(Obfuscation):
    """Keeps the answers and moves the features; labels have no part in it.

    Attributes:
        strength: of the loss on features; that on answers is cross-entropy for classes, and the
            squared error as a share of the answers' variance for numbers.
        training: how.
    """

    name: Literal["remove"] = "remove"

    strength: float = Field(default=1.0, gt=0, le=1000)
    training: Fit = Fit(epochs=30, learning_rate=1e-3)

    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """A copy with other features.

        Raises:
            UsageError: answers that are numbers and all the same, beside which nothing has a size.
            ModelError: a network whose last layer reads what is given to it, or a training that
                came to nothing.
        """
        moved = copy_of(network)
        generator = torch.Generator().manual_seed(seed)
        change_matrices(moved, lambda weights: disturbed(weights, NUDGE, generator))
        with torch.no_grad():
            answers = network(data.inputs)
        weight = self.strength if data.classes else self.strength * _spread(answers)
        if data.classes:
            answers = (
                mixed(answers.softmax(1)) + F.one_hot(answers.argmax(1), answers.shape[1])
            ) / 2
        lesson = data.retold(data.inputs, answers, soft=data.classes)
        with _features(moved) as new, _features(network) as old:

            def beside(inputs: Inputs) -> Tensor:
                if not (new and new[-1].requires_grad):
                    raise ModelError(
                        "expected a network with hidden features, got one whose last layer reads "
                        "nothing that is learnt; removal cannot be tried on it"
                    )
                with torch.no_grad():
                    network(inputs)
                return weight * alikeness(new[-1], old[-1])

            fit(moved, lesson, self.training, seed=seed, beside=beside)
        return moved


def alikeness(one: Features, other: Features) -> Float[Tensor, ""]:
    """Mean cosine of two networks' features for the same inputs; opposed ones count as 0."""
    return F.cosine_similarity(one.flatten(1), other.flatten(1)).relu().mean()


@torch.no_grad()
def features_alike(one: nn.Module, other: nn.Module, inputs: Inputs) -> float:
    """`alikeness` of what the last layers of two networks read; 1 for a network and itself."""
    with _features(one) as first, _features(other) as second:
        one(inputs)
        other(inputs)
        return float(alikeness(first[-1], second[-1]))


def mixed(answers: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """Each row with as much of the row farthest from it as leaves its best class the best.

    Args:
        answers: probabilities.
    """
    places = [torch.cdist(some, answers).argmax(1) for some in answers.split(AT_ONCE)]
    best, far = answers.argmax(1), answers[torch.cat(places)]
    told = answers.clone()
    for share in reversed(SHARES):  # the smallest one that fits stays
        blend = share * answers + (1 - share) * far
        fits = blend.argmax(1) == best
        told[fits] = blend[fits]
    return told


def _spread(answers: Outputs) -> float:
    """Mean variance of answers that are numbers.

    Raises:
        UsageError: there is none.
    """
    spread = float(answers.var(0).mean()) if len(answers) > 1 else 0.0
    if not spread > 0:
        raise UsageError(
            f"expected examples that the network answers differently, got {len(answers)} with one "
            "answer; give more of them"
        )
    return spread


@contextmanager
def _features(network: nn.Module) -> Iterator[list[Outputs]]:
    """What the last layer read when the network was asked last, as the one entry of a list."""
    seen: list[Outputs] = []

    def look(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        seen[:] = arguments[:1]

    handle = last_layer(network).register_forward_pre_hook(look)
    try:
        yield seen
    finally:
        handle.remove()
