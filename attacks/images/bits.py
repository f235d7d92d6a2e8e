"""Fewer bits for each colour channel."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

BITS: Final = Strength(attack="bits", noun="number", low=1, high=8, whole=True, example="bits:5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bits(ImageAttack):
    """Rounds every value of every channel to the nearest of 2^bits even steps from 0 to 255.

    Black stays black and white stays white; there is no dithering.

    Attributes:
        bits: for each channel, 1 to 8; 8 changes nothing.

    Raises:
        UsageError: the number of bits is out of range.
    """

    bits: int

    def __post_init__(self) -> None:
        BITS.check(self.bits)

    def __str__(self) -> str:
        return BITS.text(self.bits)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        steps = 2**self.bits - 1
        table = [round(round(value * steps / 255) * 255 / steps) for value in range(256)]
        return picture.point(table * 3)
