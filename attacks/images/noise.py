"""Gaussian noise on pixels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.images.chance import chance
from sif.attacks.strength import Strength

DEVIATION: Final = Strength(
    attack="noise", noun="standard deviation", low=0, high=255, example="noise:4"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(ImageAttack):
    """Adds independent Gaussian noise to every value of every channel, rounds and clips to 0…255.

    The same picture always gets the same noise (also when a question is repeated); other pictures,
    or another deviation, get independent noise (`chance`).

    Attributes:
        deviation: standard deviation before rounding, in units of 1/255; 0 to 255.

    Raises:
        UsageError: the deviation is out of range.
    """

    deviation: int | float

    def __post_init__(self) -> None:
        DEVIATION.check(self.deviation)

    def __str__(self) -> str:
        return DEVIATION.text(self.deviation)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        pixels = np.asarray(picture, np.float64)
        noise = chance(self, picture).standard_normal(pixels.shape)
        noisy = (pixels + self.deviation * noise).round().clip(0, 255)
        return Image.fromarray(noisy.astype(np.uint8))
