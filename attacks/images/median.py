"""Median blur."""

from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageFilter

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

REACH: Final = Strength(
    attack="median", noun="radius", low=0, high=10, whole=True, example="median:1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Median(ImageAttack):
    """Every value becomes the median of a square window around it, channel by channel.

    The filter is Pillow's; beyond the edges it repeats the pixels there.

    Attributes:
        radius: pixels from the middle of the window to its side, 0 to 10; 1 is a window of 3 by 3.

    Raises:
        UsageError: the radius is out of range.
    """

    radius: int

    def __post_init__(self) -> None:
        REACH.check(self.radius)

    def __str__(self) -> str:
        return REACH.text(self.radius)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return picture.filter(ImageFilter.MedianFilter(2 * self.radius + 1))
