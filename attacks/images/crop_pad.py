"""Cropping to the middle, and a black frame where the rest was."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.images.crop import middle_box
from sif.attacks.strength import Strength

FRAME: Final = Strength(attack="crop-pad", noun="share", low=0, high=0.9, example="crop-pad:0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPad(ImageAttack):
    """Cuts a share off the width and off the height, and pads with black to the old extent.

    What stays is the box that `Crop` keeps; it stays where it was, pixel for pixel.

    Attributes:
        share: of each side's length that is cut off, 0 to 0.9; 0.05 keeps the middle 95%.

    Raises:
        UsageError: the share is out of range.
    """

    share: int | float

    def __post_init__(self) -> None:
        FRAME.check(self.share)

    def __str__(self) -> str:
        return FRAME.text(self.share)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        box = middle_box(picture, self.share)
        padded = Image.new("RGB", picture.size)
        padded.paste(picture.crop(box), box)
        return padded
