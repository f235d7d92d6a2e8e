"""Fine-tuning on the thief's own data: the last layer, or all of them."""

from typing import Literal

from torch import nn

from sif.attacks.networks.dataset import Dataset
from sif.attacks.networks.fit import Fit, fit
from sif.attacks.networks.layers import copy_of, last_layer
from sif.attacks.networks.obfuscation import Obfuscation


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
