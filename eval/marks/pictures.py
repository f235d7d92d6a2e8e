"""The pictures of the benchmark: the owner's, a thief's, and some that nobody trains on."""

from typing import Final

import numpy as np
from PIL import Image

from sif.eval.training.photographs import Split, crops
from sif.mini.data import samples

SIDE: Final = 96
OWNERS_WORLD, THIEFS_WORLD, UNSEEN_WORLD = 11, 81, 82


def owners_pictures(number: int, *, seed: int) -> list[Image.Image]:
    """What the owner marks with: crops of photographs, and scenes of the source's world."""
    return _mixed("seen", OWNERS_WORLD, number, seed=[seed, 1])


def thiefs_pictures(number: int, *, seed: int) -> list[Image.Image]:
    """What a thief distils with: other crops of such photographs, and scenes of another world."""
    return _mixed("seen", THIEFS_WORLD, number, seed=[seed, 2])


def unseen_pictures(number: int, *, seed: int) -> list[Image.Image]:
    """Crops of photographs that no model was trained on, and scenes of a world of their own."""
    return _mixed("unseen", UNSEEN_WORLD, number, seed=[seed, 3])


def _mixed(split: Split, world: int, number: int, *, seed: list[int]) -> list[Image.Image]:
    rng = np.random.default_rng([*seed, 77])
    shown = crops(split, number=number - number // 2, side=SIDE, rng=rng)
    scenes = samples(world, number=number // 2, seed=900 + 10 * seed[0] + seed[1])
    return [*shown, *(scene.image for scene in scenes)]
