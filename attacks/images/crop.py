"""Cropping to the middle, and resizing back."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

SHARE: Final = Strength(attack="crop", noun="share", low=0, high=0.9, example="crop:0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop(ImageAttack):
    """Cuts a share off the width and off the height, half at each edge, and resizes back.

    What stays is rounded to whole pixels, at least one; where an odd number of pixels goes, the
    right and lower edges lose the extra one. The filter is Pillow's bicubic; it sees nothing of
    what was cut off.

    Attributes:
        share: of each side's length that is cut off, 0 to 0.9; 0.05 keeps the middle 95%.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float

    def __post_init__(self) -> None:
        SHARE.check(self.share)

    def __str__(self) -> str:
        return SHARE.text(self.share)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        middle = picture.crop(middle_box(picture, self.share))
        return middle.resize(picture.size, Image.Resampling.BICUBIC)


def middle_box(picture: Image.Image, share: float) -> tuple[int, int, int, int]:
    """What stays where a share of each side's length goes: left, upper, right and lower border."""
    left, right = _kept(picture.width, share)
    top, bottom = _kept(picture.height, share)
    return left, top, right, bottom


def _kept(side: int, share: float) -> tuple[int, int]:
    """First pixel that stays, and the first behind them."""
    kept = max(1, round((1 - share) * side))
    first = (side - kept) // 2
    return first, first + kept
