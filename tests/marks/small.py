"""A small tower, a few pictures, and recipes that mark it in a second or two."""

from typing import Any

import numpy as np
from PIL import Image

from sif.marks.recipe import MarkRecipe
from sif.marks.vision_model import VisionModel
from sif.watermark.keys import KeyRing
from tests.marks.towers import make

KEYS = KeyRing(bytes(range(32)))
QUICK: dict[str, Any] = {
    "name": "quick",
    "description": "for tests",
    "bits": 16,
    "holdout": 6,
    "false_positive_rate": 1e-3,
    "pool": 24,
    "steps": 25,
    "batch": 8,
    "rate": 1e-2,
}
WEAR: dict[str, Any] = {"tuned": 2, "every": 5, "tuning_steps": 2}


def recipe(mode: str = "keyed", **changes: Any) -> MarkRecipe:
    return MarkRecipe(mode=mode, **(QUICK | changes))


def tower(kind: str = "clip", *, seed: int = 0) -> VisionModel:
    return VisionModel.wrap(*make(kind, seed=seed), source=kind)


def pictures(number: int = 20, *, seed: int = 0) -> list[Image.Image]:
    """Coloured noise at several scales, so that images differ visibly."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(number):
        side = 2 + index % 6
        coarse = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        made.append(Image.fromarray(coarse).resize((40, 36), Image.Resampling.BICUBIC))
    return made
