"""Noise on pixels: Gaussian, or single pixels turned white or black.

Chance follows from the attack and the picture, so that a repeated attack repeats itself.
Knows nothing of what a picture shows.
"""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from PIL import Image

from sif.attacks.images.attack import ImageAttack
from sif.attacks.strength import Graded, Strength


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(Graded, ImageAttack):
    """Adds independent Gaussian noise to every value of every channel, rounds and clips to 0…255.

    The same picture always gets the same noise (also when a question is repeated); other pictures,
    or another deviation, get independent noise (`chance`).

    Attributes:
        deviation: standard deviation before rounding, in units of 1/255; 0 to 255.

    Raises:
        UsageError: the deviation is out of range.
    """

    strength: ClassVar = Strength(
        attack="noise", noun="standard deviation", low=0, high=255, example="noise:4"
    )

    deviation: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        pixels = np.asarray(picture, np.float64)
        noise = chance(self, picture).standard_normal(pixels.shape)
        noisy = (pixels + self.deviation * noise).round().clip(0, 255)
        return Image.fromarray(noisy.astype(np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class SaltPepper(Graded, ImageAttack):
    """Every pixel, independently, turns black or white, all its channels together.

    The same picture always gets the same specks (`chance`).

    Attributes:
        share: how likely a pixel is hit, 0 to 1; half of these turn black, half white.

    Raises:
        UsageError: the share is out of range.
    """

    strength: ClassVar = Strength(
        attack="salt-pepper", noun="share", low=0, high=1, example="salt-pepper:0.01"
    )

    share: int | float

    def _attacked(self, picture: Image.Image) -> Image.Image:
        pixels = np.array(picture)
        drawn = chance(self, picture).random(pixels.shape[:2])
        pixels[drawn < self.share / 2] = 0
        pixels[drawn >= 1 - self.share / 2] = 255
        return Image.fromarray(pixels)


def chance(attack: ImageAttack, picture: Image.Image) -> np.random.Generator:
    """The random numbers of one attack on one picture: numpy's default generator, seeded.

    The seed is the SHA-256, as a big-endian number, of `noise:4|WIDTHxHEIGHT|` (the attack's text
    form, the extent) and the RGB pixels, row by row. Other pictures, and the same attack in another
    strength, get independent numbers.
    """
    width, height = picture.size
    digest = hashlib.sha256(f"{attack}|{width}x{height}|".encode() + picture.tobytes())
    return np.random.default_rng(int.from_bytes(digest.digest(), "big"))
