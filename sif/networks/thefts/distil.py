"""Distillation: a new network learns the thief's data as the stolen network answers it."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from sif.networks.architecture import Architecture, build
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.layers import afresh
from sif.networks.thefts.obfuscation import Obfuscation


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
        student = (
            afresh(network, seed=seed) if self.student is None else build(self.student, seed=seed)
        )
        with torch.no_grad():
            answers = network(data.inputs)
        if data.classes:
            answers = (answers / self.temperature).softmax(1)
        lesson = data.retold(data.inputs, answers, soft=data.classes)
        fit(student.eval(), lesson, self.training, seed=seed)
        return student
