"""Brightness."""

from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageEnhance

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

BRIGHTNESS: Final = Strength(
    attack="brightness", noun="factor", low=0, high=4, example="brightness:1.2"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brightness(ImageAttack):
    """Multiplies every value by a factor, rounds down and clips to 255 (Pillow's enhancer).

    Attributes:
        factor: 0 (black) to 4; 1 changes nothing.

    Raises:
        UsageError: the factor is out of range.
    """

    factor: int | float

    def __post_init__(self) -> None:
        BRIGHTNESS.check(self.factor)

    def __str__(self) -> str:
        return BRIGHTNESS.text(self.factor)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return ImageEnhance.Brightness(picture).enhance(self.factor)
