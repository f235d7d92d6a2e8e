"""Contrast."""

from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageEnhance

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

CONTRAST: Final = Strength(attack="contrast", noun="factor", low=0, high=4, example="contrast:0.8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast(ImageAttack):
    """Multiplies every value's distance from the picture's mean grey by a factor, and clips.

    Pillow's enhancer; the mean is that of the luminance, rounded.

    Attributes:
        factor: 0 (plain grey) to 4; 1 changes nothing.

    Raises:
        UsageError: the factor is out of range.
    """

    factor: int | float

    def __post_init__(self) -> None:
        CONTRAST.check(self.factor)

    def __str__(self) -> str:
        return CONTRAST.text(self.factor)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return ImageEnhance.Contrast(picture).enhance(self.factor)
