"""Verifiers: from what networks said to all fingerprints, to a score between 0 and 1 for each.

A verifier casts votes. MetaV casts one, by a network on everything that was said at once; LiteGuard
casts one for each fingerprint, from what was said to that one alone; ours does too, and sees how
far that is from the protected network's answer. The score is the mean vote.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn import functional as F

Readings = Float[Tensor, "networks fingerprints numbers"]
Own = Float[Tensor, "fingerprints numbers"]
TrainedKind = Literal["meta", "local", "near"]


class Verifier(nn.Module, ABC):
    """A family of functions of readings, trained to vote 1 for copies and 0 for others."""

    @abstractmethod
    def forward(self, readings: Readings, own: Own) -> Float[Tensor, "networks votes"]:
        """The logits of the votes; `own` is what the protected network said."""

    def scores(self, readings: Readings, own: Own) -> Float[Tensor, " networks"]:
        """Mean vote of each network, in [0, 1]."""
        votes: Tensor = self(readings, own)
        return votes.sigmoid().mean(1)

    def p_values(self, readings: Readings) -> Float64[Tensor, " networks"] | None:
        """Of the networks' ranks among references; None for a verifier without any."""
        return None

    def losses(
        self, readings: Readings, own: Own, labels: Float[Tensor, " networks"]
    ) -> Float[Tensor, " networks"]:
        """Binary cross-entropy of every network's votes, their mean, with its label."""
        votes: Tensor = self(readings, own)
        wanted = labels[:, None].expand_as(votes)
        return F.binary_cross_entropy_with_logits(votes, wanted, reduction="none").mean(1)


class MetaVerifier(Verifier):
    """One vote, by a network with one hidden layer on all readings (Pan et al., arXiv:2201.07391).

    Args:
        fingerprints: their number.
        numbers: in one reading.
        hidden: width of the hidden layer.
    """

    def __init__(self, *, fingerprints: int, numbers: int, hidden: int = 64) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(fingerprints * numbers, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )

    def forward(self, readings: Readings, own: Own) -> Float[Tensor, "networks votes"]:
        """The logit of the only vote."""
        vote: Tensor = self.net(readings.flatten(1))
        return vote


class LocalVerifiers(Verifier):
    """A vote σ(⟨w_i, y_i⟩) for each fingerprint i (LiteGuard, arXiv:2603.24982).

    Args:
        fingerprints: their number.
        numbers: in one reading.
    """

    def __init__(self, *, fingerprints: int, numbers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(0.1 * torch.randn(fingerprints, numbers))

    def forward(self, readings: Readings, own: Own) -> Float[Tensor, "networks votes"]:
        """The logits, a vote for each fingerprint."""
        return (readings * self.weights).sum(2)


class NearVerifiers(Verifier):
    """A vote σ(b_i + ⟨w_i, y_i⟩ - e^{a_i} |y_i - p_i|²/d) for each fingerprint; ours.

    p_i is the protected network's own reading, of d numbers. A scalar product calls everything on
    the protected network's side of a plane a copy, however far behind it; the distance does not.

    Args:
        fingerprints: their number.
        numbers: in one reading.
    """

    def __init__(self, *, fingerprints: int, numbers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(0.1 * torch.randn(fingerprints, numbers))
        self.sharpness = nn.Parameter(torch.zeros(fingerprints))
        self.bias = nn.Parameter(torch.ones(fingerprints))

    def forward(self, readings: Readings, own: Own) -> Float[Tensor, "networks votes"]:
        """The logits, a vote for each fingerprint."""
        distance = (readings - own).square().mean(2)
        return self.bias + (readings * self.weights).sum(2) - self.sharpness.exp() * distance


def build_verifier(kind: TrainedKind, *, fingerprints: int, numbers: int, seed: int) -> Verifier:
    """A verifier with initial weights that the seed decides."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        match kind:
            case "meta":
                return MetaVerifier(fingerprints=fingerprints, numbers=numbers)
            case "local":
                return LocalVerifiers(fingerprints=fingerprints, numbers=numbers)
            case "near":
                return NearVerifiers(fingerprints=fingerprints, numbers=numbers)
