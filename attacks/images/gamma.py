"""Gamma: lighter or darker middle tones."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

EXPONENT: Final = Strength(attack="gamma", noun="exponent", low=0.1, high=10, example="gamma:1.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma(ImageAttack):
    """Raises every value, between 0 and 1, to a power; black and white stay.

    Attributes:
        exponent: 0.1 to 10; above 1 darkens, below 1 lightens, 1 changes nothing.

    Raises:
        UsageError: the exponent is out of range.
    """

    exponent: int | float

    def __post_init__(self) -> None:
        EXPONENT.check(self.exponent)

    def __str__(self) -> str:
        return EXPONENT.text(self.exponent)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        table = [round(255 * (value / 255) ** self.exponent) for value in range(256)]
        return picture.point(table * 3)
