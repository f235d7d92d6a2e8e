"""Small fingerprints of untrained models: short answers, few steps."""

from pathlib import Path

import numpy as np
from PIL import Image

from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.images import NamedImage
from sif.fingerprint.make import make_fingerprint
from sif.fingerprint.recipe import Recipe
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing

PROMPTS = ("Describe the image in detail.", "What do you see?")
KEYS = KeyRing(bytes(range(32)))


def small_recipe(
    *, steps: int = 3, attempts: int = 1, minimum_z: float = -9.0, minimum_tokens: int = 0
) -> Recipe:
    """Everything that the default recipe has, in little."""
    return Recipe.model_validate(
        {
            "name": "small",
            "description": "For tests.",
            "objective": {
                "watermark_weight": 1.0,
                "coherence_weight": 0.5,
                "top_k": 20,
                "delta": 4.0,
                "answer_tokens": 6,
                "refresh_every": 2,
            },
            "robustness": [
                {"kind": "image_transforms"},
                {"kind": "representation_noise", "radius": 0.5, "reuse": True},
            ],
            "schedule": {"steps": steps, "epsilon": 16, "step_size": 4, "momentum": 0.9},
            "quality": {
                "minimum_z": minimum_z,
                "minimum_answer_tokens": minimum_tokens,
                "attempts": attempts,
            },
        }
    )


def pictures(count: int, *, side: int = 80) -> list[NamedImage]:
    """Smooth colourful noise."""
    rng = np.random.default_rng(5)
    small = rng.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return [
        NamedImage(name=f"{index}.png", image=Image.fromarray(pixels).resize((side, side)))
        for index, pixels in enumerate(small)
    ]


def small_fingerprint(vlm: Vlm, out: Path, **changes: object) -> FingerprintSet:
    """Four triggers in batches of two; `changes` go to `make_fingerprint`."""
    settings = {"recipe": small_recipe(), "prompts": PROMPTS, "keys": KEYS, "batch_size": 2}
    images = pictures(4)
    return make_fingerprint(vlm, **({"images": images, "out": out} | settings | changes))  # type: ignore[arg-type]
