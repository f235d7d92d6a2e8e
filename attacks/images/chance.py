"""Chance that follows from the attack and the picture, so that a repeated attack repeats itself.

Knows nothing of single attacks.
"""

import hashlib

import numpy as np
from PIL import Image

from sif.attacks.images.attack import ImageAttack


def chance(attack: ImageAttack, picture: Image.Image) -> np.random.Generator:
    """The random numbers of one attack on one picture: numpy's default generator, seeded.

    The seed is the SHA-256, as a big-endian number, of `noise:4|WIDTHxHEIGHT|` (the attack's text
    form, the extent) and the RGB pixels, row by row. Other pictures, and the same attack in another
    strength, get independent numbers.
    """
    width, height = picture.size
    digest = hashlib.sha256(f"{attack}|{width}x{height}|".encode() + picture.tobytes())
    return np.random.default_rng(int.from_bytes(digest.digest(), "big"))
