"""JPEG compression, by Pillow's codec."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

QUALITY: Final = Strength(
    attack="jpeg", noun="quality", low=1, high=100, whole=True, example="jpeg:75"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jpeg(ImageAttack):
    """A real JPEG round trip with Pillow's defaults (colours at half resolution, 4:2:0).

    Attributes:
        quality: 1 (worst) to 100.

    Raises:
        UsageError: the quality is out of range.
    """

    quality: int

    def __post_init__(self) -> None:
        QUALITY.check(self.quality)

    def __str__(self) -> str:
        return QUALITY.text(self.quality)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=self.quality)
        return Image.open(file).convert("RGB")
