"""Paints scenes: background, objects with smooth edges, and a faint texture that carries the style.

Textures are sinusoids with a whole number of periods in a patch, so that every patch of a cell
shows the same pattern. Knows nothing of words.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from PIL import Image

from sif.mini.world import CELLS, STYLE_FEATURES, Scene, Thing

AMPLITUDE: Final = 6 / 255
COLOURS: Final = np.array(
    [
        (0.86, 0.12, 0.14),
        (0.10, 0.62, 0.20),
        (0.12, 0.25, 0.85),
        (0.95, 0.88, 0.12),
        (0.55, 0.15, 0.65),
        (0.97, 0.52, 0.08),
        (0.97, 0.97, 0.95),
        (0.06, 0.06, 0.07),
    ],
    np.float32,
)
BACKGROUNDS: Final = np.array(
    [(0.60, 0.61, 0.63), (0.78, 0.69, 0.53), (0.58, 0.76, 0.70), (0.82, 0.64, 0.67)], np.float32
)


@dataclass(frozen=True)
class Painter:
    """Paints scenes of one world at one size.

    Args:
        seed: the world's seed; decides which texture each style feature stands for.
        side: height and width in pixels, a multiple of 3.
        period: side in pixels of the patch in which every texture repeats.
    """

    seed: int
    side: int
    period: int

    @cached_property
    def textures(self) -> np.ndarray:
        """Features x height x width x 3, each of amplitude 1 in one channel."""
        rng = np.random.default_rng([self.seed, 3])
        highest = self.period // 2
        waves = [
            (down, right, phase, channel)
            for down in range(highest + 1)
            for right in range(highest + 1)
            for phase in range(2)
            for channel in range(3)
            if 1 <= down + right <= highest
        ]
        chosen = rng.choice(len(waves), STYLE_FEATURES, replace=False)
        rows, columns = np.mgrid[: self.side, : self.side] / self.period
        textures = np.zeros((STYLE_FEATURES, self.side, self.side, 3), np.float32)
        for texture, index in zip(textures, chosen, strict=True):
            down, right, phase, channel = waves[index]
            wave = np.sin(2 * np.pi * (down * rows + right * columns + phase / 4 + 0.05))
            texture[..., channel] = wave
        return textures

    def paint(self, scene: Scene) -> np.ndarray:
        """The picture as uint8, height x width x 3."""
        canvas = np.broadcast_to(BACKGROUNDS[scene.background], (self.side, self.side, 3)).copy()
        for thing in scene.things:
            self._put(canvas, thing)
        cell = self.side // 3
        strength = scene.style.reshape(3, 3, -1).repeat(cell, 0).repeat(cell, 1)
        canvas += AMPLITUDE * np.einsum("hwf,fhwc->hwc", strength, self.textures)
        return np.asarray(np.rint(255 * canvas.clip(0, 1)).astype(np.uint8))

    def image(self, scene: Scene) -> Image.Image:
        """The picture as a Pillow image."""
        return Image.fromarray(self.paint(scene))

    def segments(self, scene: Scene) -> np.ndarray:
        """Per pixel the colour plus one of the object that covers at least half of it, or 0."""
        table = np.zeros((self.side, self.side), np.int64)
        for thing in scene.things:
            part = self._part(table, thing)
            part[self._cover(thing) >= 0.5] = thing.colour + 1
        return table

    def _put(self, canvas: np.ndarray, thing: Thing) -> None:
        part = self._part(canvas, thing)
        part += self._cover(thing)[..., None] * (COLOURS[thing.colour] - part)

    def _part(self, canvas: np.ndarray, thing: Thing) -> np.ndarray:
        """The object's cell, as a view."""
        cell = self.side // 3
        top, left = cell * (thing.cell // 3), cell * (thing.cell % 3)
        return canvas[top : top + cell, left : left + cell]

    def _cover(self, thing: Thing) -> np.ndarray:
        """Share of every pixel of the cell that the object covers, roughly."""
        cell = self.side // 3
        rows, columns = (np.mgrid[:cell, :cell] + 0.5) / cell - 0.5
        distance = _distance(
            thing.shape, rows - thing.shift[0], columns - thing.shift[1], thing.radius
        )
        return np.clip(0.5 - distance * cell, 0, 1).astype(np.float32)


def _distance(shape: int, rows: np.ndarray, columns: np.ndarray, radius: float) -> np.ndarray:
    """Signed distance (roughly) to a shape's outline, negative inside, in fractions of a cell."""
    down, right = np.abs(rows), np.abs(columns)
    circle = np.hypot(rows, columns)
    distance: np.ndarray
    match shape:
        case 0:
            distance = circle - radius
        case 1:
            distance = np.maximum(down, right) - 0.85 * radius
        case 2:
            distance = np.maximum(rows - 0.7 * radius, 0.87 * right - 0.5 * rows - 0.42 * radius)
        case 3:
            arm = 0.3 * radius
            distance = np.minimum(
                np.maximum(down - radius, right - arm), np.maximum(right - radius, down - arm)
            )
        case 4:
            distance = np.abs(circle - 0.75 * radius) - 0.25 * radius
        case _:
            distance = (down + 1.3 * right - 1.15 * radius) / 1.5
    return distance


def labels(scene: Scene) -> np.ndarray:
    """Per cell the shape, colour and size plus one (0 where the cell is empty): 9 x 3."""
    table = np.zeros((CELLS, 3), np.int64)
    for thing in scene.things:
        table[thing.cell] = thing.shape + 1, thing.colour + 1, thing.size + 1
    return table
