"""Scenes of the real-words source: a few things with names on a patterned ground.

Knows what a picture shows, and neither how it is painted nor how it is told.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np

ROWS: Final = 3
CELLS: Final = ROWS * ROWS
SIZES: Final = ("small", "large")
COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "grey")
PATTERNS: Final = ("plain", "striped", "dotted", "checked")
FEWEST: Final = 2
MOST: Final = 4
HELD_BACK: Final = 7
"""One in so many pairs of thing and colour of the ground is never seen in training."""


@cache
def names() -> tuple[str, ...]:
    """The names of all things, in the order of their pictures."""
    text = resources.files(__package__).joinpath("things.json").read_text(encoding="utf-8")
    return tuple(str(thing["name"]) for thing in json.loads(text)["things"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing in its cell.

    Attributes:
        name: index into `names()`.
        size: index into `SIZES`.
        cell: of 9, row by row.
        shift: from the middle of the cell, in pixels: right and down.
        side: of its picture in pixels.
    """

    name: int
    size: int
    cell: int
    shift: tuple[int, int]
    side: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RealScene:
    """What a picture shows.

    Attributes:
        things: by cell.
        colour: of the ground, index into `COLOURS`.
        pattern: of the ground, index into `PATTERNS`.
        shade: seed of the ground's exact colours and of where its pattern begins.
    """

    things: tuple[Thing, ...]
    colour: int
    pattern: int
    shade: int


def is_held_back(name: int, colour: int) -> bool:
    """Whether a thing on ground of this colour is kept for unseen scenes."""
    return (3 * name + 5 * colour) % HELD_BACK == 0


def sample_real_scene(
    rng: np.random.Generator, *, unseen: bool = False, most: int = MOST
) -> RealScene:
    """Draws a scene.

    Args:
        rng: is drawn from.
        unseen: whether every thing stands on a colour on which it never stands in training;
            otherwise none does.
        most: things; more than `MOST` for what only needs to be seen, not told.
    """
    colour = int(rng.integers(len(COLOURS)))
    allowed = [name for name in range(len(names())) if is_held_back(name, colour) == unseen]
    count = int(rng.integers(FEWEST, most + 1))
    chosen = rng.choice(allowed, count, replace=False)
    cells = np.sort(rng.choice(CELLS, count, replace=False))
    return RealScene(
        things=tuple(
            _thing(rng, int(name), int(cell)) for name, cell in zip(chosen, cells, strict=True)
        ),
        colour=colour,
        pattern=int(rng.integers(len(PATTERNS))),
        shade=int(rng.integers(2**31)),
    )


def _thing(rng: np.random.Generator, name: int, cell: int) -> Thing:
    size = int(rng.integers(2))
    side = int(rng.integers(62, 65)) if size else int(rng.integers(38, 41))
    right, down = (int(step) for step in rng.integers(-2, 3, 2))
    return Thing(name=name, size=size, cell=cell, shift=(right, down), side=side)
