"""Salt-and-pepper noise: single pixels turn white or black."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.images.chance import chance
from sif.attacks.strength import Strength

SPECKS: Final = Strength(
    attack="salt-pepper", noun="share", low=0, high=1, example="salt-pepper:0.01"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaltPepper(ImageAttack):
    """Every pixel, independently, turns black or white, all its channels together.

    The same picture always gets the same specks (`chance`).

    Attributes:
        share: how likely a pixel is hit, 0 to 1; half of these turn black, half white.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float

    def __post_init__(self) -> None:
        SPECKS.check(self.share)

    def __str__(self) -> str:
        return SPECKS.text(self.share)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        pixels = np.array(picture)
        drawn = chance(self, picture).random(pixels.shape[:2])
        pixels[drawn < self.share / 2] = 0
        pixels[drawn >= 1 - self.share / 2] = 255
        return Image.fromarray(pixels)
