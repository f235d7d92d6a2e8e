"""Resizing and resizing back: fine detail is lost."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

FACTOR: Final = Strength(attack="resize", noun="factor", low=0.01, high=4, example="resize:0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize(ImageAttack):
    """Both sides times a factor, rounded to whole pixels and at least one, then back.

    The filter is Pillow's bicubic both ways; it averages over the shrunk pixel (antialiasing).

    Attributes:
        factor: 0.01 to 4; below 1 the picture is shrunk first, above 1 enlarged first.

    Raises:
        UsageError: the factor is out of range.
    """

    factor: int | float

    def __post_init__(self) -> None:
        FACTOR.check(self.factor)

    def __str__(self) -> str:
        return FACTOR.text(self.factor)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        width, height = (max(1, round(self.factor * side)) for side in picture.size)
        other = picture.resize((width, height), Image.Resampling.BICUBIC)
        return other.resize(picture.size, Image.Resampling.BICUBIC)
