"""WebP compression, by Pillow's codec."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Strength

WEBP_QUALITY: Final = Strength(
    attack="webp", noun="quality", low=0, high=100, whole=True, example="webp:75"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webp(ImageAttack):
    """A real lossy WebP round trip with Pillow's defaults (method 4, colours at half resolution).

    Attributes:
        quality: 0 (worst) to 100, which is still lossy.

    Raises:
        UsageError: the quality is out of range.
    """

    quality: int

    def __post_init__(self) -> None:
        WEBP_QUALITY.check(self.quality)

    def __str__(self) -> str:
        return WEBP_QUALITY.text(self.quality)

    def _attacked(self, picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=self.quality)
        return Image.open(file).convert("RGB")
