"""Filters that take fine detail out: Gaussian and median blur, by Pillow. Knows no noise."""

from dataclasses import dataclass
from typing import ClassVar

from PIL import Image, ImageFilter

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Graded, Strength


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur(Graded, ImageAttack):
    """Pillow's Gaussian blur: three box blurs that together have the Gaussian's variance.

    Attributes:
        radius: standard deviation of the Gaussian in pixels, 0 to 100.

    Raises:
        UsageError: the radius is out of range.
    """

    strength: ClassVar = Strength(attack="blur", noun="radius", low=0, high=100, example="blur:1")

    radius: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return picture.filter(ImageFilter.GaussianBlur(self.radius))


@dataclass(frozen=True, slots=True, kw_only=True)
class Median(Graded, ImageAttack):
    """Every value becomes the median of a square window around it, channel by channel.

    The filter is Pillow's; beyond the edges it repeats the pixels there.

    Attributes:
        radius: pixels from the middle of the window to its side, 0 to 10; 1 is a window of 3 by 3.

    Raises:
        UsageError: the radius is out of range.
    """

    strength: ClassVar = Strength(
        attack="median", noun="radius", low=0, high=10, whole=True, example="median:1"
    )

    radius: int

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return picture.filter(ImageFilter.MedianFilter(2 * self.radius + 1))
