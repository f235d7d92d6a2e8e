"""Paints scenes of the real-words source at 216 × 216 pixels. Knows no words.

The things are Noto's emoji, from the sheet of the npm package emoji-datasource-google 16.0.0.
"""

from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sif.mini.real.scene import ROWS, RealScene, names

SIDE: Final = 216
CELL: Final = SIDE // ROWS
TILE: Final = 64
COLUMNS: Final = 10
# Red, green, blue of the grounds, in the order of their names.
GROUNDS: Final = (
    (205, 70, 70),
    (235, 155, 75),
    (240, 225, 120),
    (110, 180, 110),
    (100, 150, 220),
    (165, 115, 195),
    (150, 110, 80),
    (170, 170, 170),
)


@cache
def _pictures() -> tuple[Image.Image, ...]:
    with resources.files(__package__).joinpath("things.png").open("rb") as file:
        sheet = Image.open(file).convert("RGBA")
    corners = [divmod(index, COLUMNS) for index in range(len(names()))]
    return tuple(
        sheet.crop((TILE * x, TILE * y, TILE * (x + 1), TILE * (y + 1))) for y, x in corners
    )


@cache
def _sized(name: int, side: int) -> Image.Image:
    return _pictures()[name].resize((side, side), Image.Resampling.LANCZOS)


def paint(scene: RealScene) -> Image.Image:
    """The picture of a scene."""
    picture = Image.fromarray(_ground(scene))
    for thing in scene.things:
        row, column = divmod(thing.cell, ROWS)
        drawn = _sized(thing.name, thing.side)
        margin = (CELL - thing.side) // 2
        place = (CELL * column + margin + thing.shift[0], CELL * row + margin + thing.shift[1])
        picture.paste(drawn, place, drawn)
    return picture


def _ground(scene: RealScene) -> NDArray[np.uint8]:
    rng = np.random.default_rng(scene.shade)
    base = np.array(GROUNDS[scene.colour]) + rng.integers(-10, 11, 3)
    shades = np.stack([base, base * 0.72 + 255 * 0.28]).clip(0, 255).astype(np.uint8)
    right, down = rng.integers(0, 24, 2)
    rows, columns = np.ogrid[down : down + SIDE, right : right + SIDE]
    match scene.pattern:
        case 0:
            marked = np.zeros((SIDE, SIDE), bool)
        case 1:
            marked = (rows + columns) % 24 < 12
        case 2:
            marked = (rows % 24 - 12) ** 2 + (columns % 24 - 12) ** 2 < 40
        case _:
            marked = (rows // 12 + columns // 12) % 2 == 0
    return shades[marked.astype(np.uint8)]
