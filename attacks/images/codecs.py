"""JPEG and WebP compression, by Pillow's codecs. Knows no other formats."""

import io
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Graded, Strength


@dataclass(frozen=True, slots=True, kw_only=True)
class Jpeg(Graded, ImageAttack):
    """A real JPEG round trip with Pillow's defaults (colours at half resolution, 4:2:0).

    Attributes:
        quality: 1 (worst) to 100.

    Raises:
        UsageError: the quality is out of range.
    """

    strength: ClassVar = Strength(
        attack="jpeg", noun="quality", low=1, high=100, whole=True, example="jpeg:75"
    )

    quality: int

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return _round_trip(picture, "JPEG", self.quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webp(Graded, ImageAttack):
    """A real lossy WebP round trip with Pillow's defaults (method 4, colours at half resolution).

    Attributes:
        quality: 0 (worst) to 100, which is still lossy.

    Raises:
        UsageError: the quality is out of range.
    """

    strength: ClassVar = Strength(
        attack="webp", noun="quality", low=0, high=100, whole=True, example="webp:75"
    )

    quality: int

    def _attacked(self, picture: Image.Image) -> Image.Image:
        return _round_trip(picture, "WEBP", self.quality)


def _round_trip(picture: Image.Image, codec: str, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, codec, quality=quality)
    return Image.open(file).convert("RGB")
