"""Thefts that only ask the network: a new one, the student, learns from its answers."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from sif.networks.architecture import Architecture, Cnn, Mlp, Recurrent, build
from sif.networks.domain import Inputs
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.obfuscation import Obfuscation, afresh


class Distil(Obfuscation):
    """Learns soft answers on the thief's inputs (Hinton et al. 2015, arXiv:1503.02531).

    Attributes:
        temperature: of the stolen network's softmax, where it gives logits.
        student: another architecture than the stolen network's; None for the same.
        training: of the student.
    """

    name: Literal["distil"] = "distil"
    copies_weights: ClassVar[bool] = False

    temperature: float = Field(default=3.0, gt=0)
    student: Architecture | None = None
    training: Fit = Fit(epochs=40)

    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """The student."""
        with torch.no_grad():
            answers = network(data.inputs)
        if data.classes:
            answers = (answers / self.temperature).softmax(1)
        lesson = data.retold(data.inputs, answers, soft=data.classes)
        return _taught(network, self.student, lesson, self.training, seed)


class Extract(Obfuscation):
    """Learns from the answers to mixtures of a few real inputs.

    Attributes:
        answers: "soft" gives the thief probabilities, or the numbers themselves; "labels" only the
            best class, or numbers rounded to eighths of their range.
        known: share of the data whose inputs the thief knows.
        queries: made-up inputs for each of those.
        jitter: noise on a made-up input, as a share of the domain's span.
        student: another architecture than the stolen network's; None for the same.
        training: of the student.
    """

    name: Literal["extract"] = "extract"
    copies_weights: ClassVar[bool] = False

    answers: Literal["soft", "labels"] = "soft"
    known: float = Field(default=0.25, gt=0, le=1)
    queries: int = Field(default=10, ge=1, le=1_000_000)
    jitter: float = Field(default=0.05, ge=0)
    student: Architecture | None = None
    training: Fit = Fit(epochs=30)

    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """The student."""
        generator = torch.Generator().manual_seed(seed)
        asked = self._make_up(data, generator)
        with torch.no_grad():
            answers = network(asked)
        soft = data.classes and self.answers == "soft"
        lesson = data.retold(asked, self._told(answers, classes=data.classes), soft=soft)
        return _taught(network, self.student, lesson, self.training, seed)

    def _make_up(self, data: Dataset, generator: torch.Generator) -> Inputs:
        """Points between pairs of known inputs, with noise, as they could be sent."""
        known = torch.randperm(len(data), generator=generator)[
            : max(2, int(self.known * len(data)))
        ]
        real = data.inputs[known]
        pairs = torch.randint(len(real), (2, self.queries * len(real)), generator=generator)
        share = torch.rand(pairs.shape[1], *[1] * (real.dim() - 1), generator=generator)
        between = share * real[pairs[0]] + (1 - share) * real[pairs[1]]
        noise = torch.randn(between.shape, generator=generator)
        return data.domain.store(between + self.jitter * data.domain.span * noise)

    def _told(self, answers: Tensor, *, classes: bool) -> Tensor:
        if self.answers == "soft":
            return answers.softmax(1) if classes else answers
        if classes:
            return answers.argmax(1)
        least, most = answers.amin(), answers.amax()
        step = ((most - least) / 8).clamp(min=torch.finfo(answers.dtype).tiny)
        return least + ((answers - least) / step).round() * step


def _taught(
    network: nn.Module,
    student: Mlp | Cnn | Recurrent | None,
    lesson: Dataset,
    training: Fit,
    seed: int,
) -> nn.Module:
    """A new network of the student's architecture, or the stolen network's, after its lesson."""
    begun = afresh(network, seed=seed) if student is None else build(student, seed=seed)
    fit(begun.eval(), lesson, training, seed=seed)
    return begun
