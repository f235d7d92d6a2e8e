"""Another size and back, another frame: what resizes, crops and turns pictures. Knows no colours.

What leaves the frame is lost; the extent of the picture always stays.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Graded, Strength

Values = Float[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize(Graded, ImageAttack):
    """Both sides times a factor, rounded to whole pixels and at least one, then back.

    The filter is Pillow's bicubic both ways; it averages over the shrunk pixel (antialiasing).

    Attributes:
        factor: 0.01 to 4; below 1 the picture is shrunk first, above 1 enlarged first.

    Raises:
        UsageError: the factor is out of range.
    """

    strength: ClassVar = Strength(
        attack="resize", noun="factor", low=0.01, high=4, example="resize:0.5"
    )

    factor: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        other = picture.resize(_scaled(picture, self.factor), Image.Resampling.BICUBIC)
        return other.resize(picture.size, Image.Resampling.BICUBIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenshot(Graded, ImageAttack):
    """Scales to the screen and back, by different filters and in different light.

    The viewer interpolates sRGB values linearly (Pillow's bilinear), as browsers do, and the screen
    holds 8 bits of each. An editor scales back by Pillow's Lanczos in linear light and rounds to
    8-bit sRGB again. Both sides are rounded to whole pixels, at least one.

    Attributes:
        scale: of the screen, 0.25 to 4; common ones are 1.25, 1.5 and 1.75; 1 changes nothing.

    Raises:
        UsageError: the scale is out of range.
    """

    strength: ClassVar = Strength(
        attack="screenshot", noun="scale", low=0.25, high=4, example="screenshot:1.25"
    )

    scale: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        shown = picture.resize(_scaled(picture, self.scale), Image.Resampling.BILINEAR)
        light = _linear(np.asarray(shown, np.float64) / 255)
        channels = [
            Image.fromarray(light[:, :, channel].astype(np.float32)).resize(
                picture.size, Image.Resampling.LANCZOS
            )
            for channel in range(3)
        ]
        back = _srgb(np.stack([np.asarray(channel, np.float64) for channel in channels], axis=-1))
        return Image.fromarray((255 * back).round().astype(np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop(Graded, ImageAttack):
    """Cuts a share off the width and off the height, half at each edge, and resizes back.

    What stays is rounded to whole pixels, at least one; where an odd number of pixels goes, the
    right and lower edges lose the extra one. The filter is Pillow's bicubic; it sees nothing of
    what was cut off.

    Attributes:
        share: of each side's length that is cut off, 0 to 0.9; 0.05 keeps the middle 95%.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(attack="crop", noun="share", low=0, high=0.9, example="crop:0.05")

    share: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        middle = picture.crop(_middle(picture, self.share))
        return middle.resize(picture.size, Image.Resampling.BICUBIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPad(Graded, ImageAttack):
    """Cuts a share off the width and off the height, and pads with black to the old extent.

    What stays is the box that `Crop` keeps; it stays where it was, pixel for pixel.

    Attributes:
        share: of each side's length that is cut off, 0 to 0.9; 0.05 keeps the middle 95%.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="crop-pad", noun="share", low=0, high=0.9, example="crop-pad:0.05"
    )

    share: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        box = _middle(picture, self.share)
        padded = Image.new("RGB", picture.size)
        padded.paste(picture.crop(box), box)
        return padded


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate(Graded, ImageAttack):
    """Turns the picture about its middle and keeps its extent; what was outside is black.

    The filter is Pillow's bicubic. What leaves the frame is lost.

    Attributes:
        angle: in degrees, counter-clockwise, -45 to 45.

    Raises:
        UsageError: the angle is out of range.
    """

    strength: ClassVar = Strength(
        attack="rotate", noun="angle", low=-45, high=45, example="rotate:2"
    )

    angle: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return picture.rotate(self.angle, Image.Resampling.BICUBIC)


def _scaled(picture: Image.Image, factor: int | float) -> tuple[int, int]:
    """Both sides times a factor, in whole pixels and at least one."""
    return max(1, round(factor * picture.width)), max(1, round(factor * picture.height))


def _linear(values: Values) -> Values:
    """Light of sRGB values from 0 to 1 (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _srgb(light: Values) -> Values:
    """The sRGB values, from 0 to 1, of light; light beyond that is clipped."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _middle(picture: Image.Image, share: int | float) -> tuple[int, int, int, int]:
    """What stays where a share of each side's length goes: left, upper, right and lower border."""
    left, right = _kept(picture.width, share)
    top, bottom = _kept(picture.height, share)
    return left, top, right, bottom


def _kept(side: int, share: int | float) -> tuple[int, int]:
    """First pixel that stays, and the first behind them."""
    kept = max(1, round((1 - share) * side))
    first = (side - kept) // 2
    return first, first + kept
