"""Scribbles: random strokes of random width on plain ground, for models that are to know lines."""

from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

STROKES: Final = 3
CORNERS: Final = 4


def scribble(side: int, rng: np.random.Generator) -> Image.Image:
    """One to three bent strokes, light on dark or dark on light, a little blurred."""
    ground, ink = (
        tuple(int(value) for value in rng.integers(*reach, 3)) for reach in _reaches(rng)
    )
    picture = Image.new("RGB", (side, side), ground)
    pen = ImageDraw.Draw(picture)
    width = int(rng.integers(side // 20, side // 6))
    for _ in range(int(rng.integers(1, STROKES + 1))):
        corners = rng.uniform(0.1, 0.9, (int(rng.integers(2, CORNERS + 1)), 2)) * side
        pen.line([(float(x), float(y)) for x, y in corners], fill=ink, width=width, joint="curve")
    return picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, side / 30))))


def _reaches(rng: np.random.Generator) -> tuple[tuple[int, int], tuple[int, int]]:
    dark, light = (0, 90), (165, 256)
    return (dark, light) if rng.random() < 0.7 else (light, dark)
