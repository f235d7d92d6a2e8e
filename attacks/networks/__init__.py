"""What a thief does to any network: a factory of functions (network, data, seed) -> network."""

from typing import Annotated

from pydantic import Field

from sif.attacks.networks.distil import Distil
from sif.attacks.networks.extract import Extract
from sif.attacks.networks.harden import Harden
from sif.attacks.networks.noise import Noise
from sif.attacks.networks.prune import Prune
from sif.attacks.networks.quantize import Quantize
from sif.attacks.networks.tune import Tune

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
