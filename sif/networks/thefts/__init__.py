"""What a thief does to any network: a factory of functions (network, data, seed) -> network."""

from typing import Annotated

from pydantic import Field

from sif.networks.thefts.distil import Distil
from sif.networks.thefts.extract import Extract
from sif.networks.thefts.harden import Harden
from sif.networks.thefts.noise import Noise
from sif.networks.thefts.prune import Prune
from sif.networks.thefts.quantize import Quantize
from sif.networks.thefts.tune import Tune

AnyObfuscation = Annotated[
    Tune | Prune | Quantize | Noise | Distil | Extract | Harden, Field(discriminator="name")
]

__all__ = [
    "AnyObfuscation",
    "Distil",
    "Extract",
    "Harden",
    "Noise",
    "Prune",
    "Quantize",
    "Tune",
]
