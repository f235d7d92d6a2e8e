"""Fine-tuning on the thief's own data: the last layer, or all of them."""

from typing import Literal

from torch import nn

from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit, fit
from sif.networks.thefts.layers import copy_of, last_layer
from sif.networks.thefts.obfuscation import Obfuscation


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
