"""What a thief does to any network: a factory of functions (network, data, seed) -> network."""

from typing import Annotated

from pydantic import Field

from sif.networks.thefts.changed_weights import Harden, Noise, Prune, Quantize, Tune
from sif.networks.thefts.removal import Remove
from sif.networks.thefts.students import Distil, Extract

AnyObfuscation = Annotated[
    Tune | Prune | Quantize | Noise | Distil | Extract | Harden | Remove,
    Field(discriminator="name"),
]

__all__ = [
    "AnyObfuscation",
    "Distil",
    "Extract",
    "Harden",
    "Noise",
    "Prune",
    "Quantize",
    "Remove",
    "Tune",
]
