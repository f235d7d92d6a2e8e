"""Pictures whose behaviour under an attack can be worked out by hand."""

import numpy as np
from jaxtyping import Float
from PIL import Image


def from_pixels(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.asarray(pixels).astype(np.uint8))


def white_noise(*, height: int = 128, width: int = 128, seed: int = 0) -> Image.Image:
    """Every frequency alike; values stay away from the ends, so that little is clipped."""
    values = np.random.default_rng(seed).normal(128, 30, (height, width, 3))
    return from_pixels(values.round().clip(0, 255))


def plain(colour: tuple[int, int, int], *, height: int = 64, width: int = 64) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def values(image: Image.Image) -> Float[np.ndarray, "height width 3"]:
    return np.asarray(image, np.float64)
