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


def portrait(*, height: int = 96, width: int = 128) -> Image.Image:
    """What photographs have: slow shades, sharp edges, fine texture, a little noise."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([60 + columns, 70 + rows, 150 - columns / 2 + rows / 4], axis=-1)
    pixels[20:60, 30:80] += (60, -40, 30)
    pixels[70:90, 90:120] += 50 * ((rows + columns) % 6 < 3)[70:90, 90:120, None]
    noise = np.random.default_rng(1).normal(0, 4, pixels.shape)
    return from_pixels((pixels + noise).round().clip(0, 255))
