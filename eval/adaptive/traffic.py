"""Benign pictures of all kinds that a detector is to let pass, real photographs among them.

The photographs are those that come with scikit-image and scikit-learn, in squares cut at random.
Knows nothing of triggers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.mini.architecture import SIDE

HANDLED: Final = ("jpeg:90", "jpeg:75", "noise:2", "noise:4", "noise:8", "resize:0.75")
CLEAN: Final = "clean"
PHOTOGRAPHS: Final = "photographs"
# Of each ten pictures of mixed traffic.
MIXED: Final = ("none",) * 6 + ("jpeg:90", "jpeg:75", "noise:4", "resize:0.75")
# Whoever learns from photographs learns from these; the others are for measuring.
LEARNT_FROM: Final = ("astronaut", "brick", "camera", "grass", "moon", "motorcycle_left")
MEASURED_ON: Final = ("chelsea", "coffee", "coins", "gravel", "ihc", "retina", "rocket")
SAMPLE_IMAGES: Final = ("china", "flower")


def handled(pictures: Sequence[Image.Image], attack: str) -> list[Image.Image]:
    """Pictures that went through ordinary handling, in an image attack's words."""
    handling = parse_image_attack(attack)
    return [handling.apply(picture) for picture in pictures]


def mixed(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Six of ten as they are, the others compressed, noisy or resized."""
    return [
        parse_image_attack(MIXED[index % len(MIXED)]).apply(picture)
        for index, picture in enumerate(pictures)
    ]


def photograph_squares(names: Sequence[str], *, number: int, seed: int) -> list[Image.Image]:
    """Squares out of photographs, as many from each, cut at random.

    Raises:
        UsageError: the packages that hold the photographs are not installed.
    """
    pictures = [_photograph(name) for name in names]
    rng = np.random.default_rng([seed, len(names)])
    return [_square(pictures[index % len(pictures)], rng) for index in range(number)]


def _square(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    left, top = (int(rng.integers(side - SIDE + 1)) for side in picture.size)
    return picture.crop((left, top, left + SIDE, top + SIDE))


def _photograph(name: str) -> Image.Image:
    file = _folder(name) / f"{name}.png"
    if not file.is_file():
        file = file.with_suffix(".jpg")
    with Image.open(file) as picture:
        return picture.convert("RGB")


def _folder(name: str) -> Path:
    try:
        if name in SAMPLE_IMAGES:
            import sklearn.datasets

            return Path(sklearn.datasets.__file__).parent / "images"
        import skimage.data

        return Path(skimage.data.__file__).parent
    except ImportError as error:
        raise UsageError(
            "expected scikit-image and scikit-learn, whose photographs are measured on; "
            "pip install scikit-image scikit-learn"
        ) from error
