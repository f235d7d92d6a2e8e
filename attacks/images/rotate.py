"""A rotation about the middle."""

from dataclasses import dataclass
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

ANGLE: Final = Strength(attack="rotate", noun="angle", low=-45, high=45, example="rotate:2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate(ImageAttack):
    """Turns the picture about its middle and keeps its extent; what was outside is black.

    The filter is Pillow's bicubic. What leaves the frame is lost.

    Attributes:
        angle: in degrees, counter-clockwise, -45 to 45.

    Raises:
        UsageError: the angle is out of range.
    """

    angle: int | float

    def __post_init__(self) -> None:
        ANGLE.check(self.angle)

    def __str__(self) -> str:
        return ANGLE.text(self.angle)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return picture.rotate(self.angle, Image.Resampling.BICUBIC)
