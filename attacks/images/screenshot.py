"""What a screenshot does: a viewer scales the picture to the screen, somebody scales it back."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

SCALE: Final = Strength(
    attack="screenshot", noun="scale", low=0.25, high=4, example="screenshot:1.25"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenshot(ImageAttack):
    """Scales to the screen and back, by different filters and in different light.

    The viewer interpolates sRGB values linearly (Pillow's bilinear), as browsers do, and the screen
    holds 8 bits of each. An editor scales back by Pillow's Lanczos in linear light and rounds to
    8-bit sRGB again. Both sides are rounded to whole pixels, at least one.

    Attributes:
        scale: of the screen, 0.25 to 4; common ones are 1.25, 1.5 and 1.75; 1 changes nothing.

    Raises:
        UsageError: the scale is out of range.
    """

    scale: int | float

    def __post_init__(self) -> None:
        SCALE.check(self.scale)

    def __str__(self) -> str:
        return SCALE.text(self.scale)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        width, height = (max(1, round(self.scale * side)) for side in picture.size)
        shown = picture.resize((width, height), Image.Resampling.BILINEAR)
        light = _linear(np.asarray(shown, np.float64) / 255)
        channels = [
            Image.fromarray(light[:, :, channel].astype(np.float32)).resize(
                picture.size, Image.Resampling.LANCZOS
            )
            for channel in range(3)
        ]
        back = _srgb(np.stack([np.asarray(channel, np.float64) for channel in channels], axis=-1))
        return Image.fromarray((255 * back).round().astype(np.uint8))


def _linear(values: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width 3"]:
    """Light of sRGB values from 0 to 1 (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _srgb(light: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width 3"]:
    """The sRGB values, from 0 to 1, of light; light beyond that is clipped."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
