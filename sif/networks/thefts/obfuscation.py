"""What a thief of any network does: settings, and one call from a network to its changed copy."""

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from torch import nn

from sif.networks.thefts.dataset import Dataset


class Obfuscation(BaseModel, ABC):
    """Hyper-parameters of one way to hide a stolen network; a call gives the hidden copy.

    Attributes:
        copies_weights: False for thefts that only ask the network (distillation, extraction).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    copies_weights: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, network: nn.Module, data: Dataset, seed: int) -> nn.Module:
        """A new network in evaluation mode; the one given stays as it is.

        Args:
            network: stolen.
            data: what the thief has of the task.
            seed: of everything that is drawn.
        """
