"""Gaussian blur."""

from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageFilter

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

RADIUS: Final = Strength(attack="blur", noun="radius", low=0, high=100, example="blur:1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur(ImageAttack):
    """Pillow's Gaussian blur: three box blurs that together have the Gaussian's variance.

    Attributes:
        radius: standard deviation of the Gaussian in pixels, 0 to 100.

    Raises:
        UsageError: the radius is out of range.
    """

    radius: int | float

    def __post_init__(self) -> None:
        RADIUS.check(self.radius)

    def __str__(self) -> str:
        return RADIUS.text(self.radius)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return picture.filter(ImageFilter.GaussianBlur(self.radius))
