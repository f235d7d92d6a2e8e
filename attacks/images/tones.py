"""Other values for the same pixels: brightness, contrast, gamma, fewer bits. Knows no places."""

from dataclasses import dataclass
from typing import ClassVar

from PIL import Image, ImageEnhance

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Graded, Strength


@dataclass(frozen=True, slots=True, kw_only=True)
class Brightness(Graded, ImageAttack):
    """Multiplies every value by a factor, rounds down and clips to 255 (Pillow's enhancer).

    Attributes:
        factor: 0 (black) to 4; 1 changes nothing.

    Raises:
        UsageError: the factor is out of range.
    """

    strength: ClassVar = Strength(
        attack="brightness", noun="factor", low=0, high=4, example="brightness:1.2"
    )

    factor: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return ImageEnhance.Brightness(picture).enhance(self.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast(Graded, ImageAttack):
    """Multiplies every value's distance from the picture's mean grey by a factor, and clips.

    Pillow's enhancer; the mean is that of the luminance, rounded.

    Attributes:
        factor: 0 (plain grey) to 4; 1 changes nothing.

    Raises:
        UsageError: the factor is out of range.
    """

    strength: ClassVar = Strength(
        attack="contrast", noun="factor", low=0, high=4, example="contrast:0.8"
    )

    factor: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return ImageEnhance.Contrast(picture).enhance(self.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma(Graded, ImageAttack):
    """Raises every value, between 0 and 1, to a power; black and white stay.

    Attributes:
        exponent: 0.1 to 10; above 1 darkens, below 1 lightens, 1 changes nothing.

    Raises:
        UsageError: the exponent is out of range.
    """

    strength: ClassVar = Strength(
        attack="gamma", noun="exponent", low=0.1, high=10, example="gamma:1.5"
    )

    exponent: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        table = [round(255 * (value / 255) ** self.exponent) for value in range(256)]
        return picture.point(table * 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bits(Graded, ImageAttack):
    """Rounds every value of every channel to the nearest of 2^bits even steps from 0 to 255.

    Black stays black and white stays white; there is no dithering.

    Attributes:
        bits: for each channel, 1 to 8; 8 changes nothing.

    Raises:
        UsageError: the number of bits is out of range.
    """

    strength: ClassVar = Strength(
        attack="bits", noun="number", low=1, high=8, whole=True, example="bits:5"
    )

    bits: int

    def _attacked(self, picture: Image.Image) -> Image.Image:
        steps = 2**self.bits - 1
        table = [round(round(value * steps / 255) * 255 / steps) for value in range(256)]
        return picture.point(table * 3)
