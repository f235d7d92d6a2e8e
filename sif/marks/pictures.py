"""Which of the owner's pictures are kept as hold-out images, and the crops that training sees.

The choice depends on the pictures and a seed, never on keys. Knows no models.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from PIL import Image

from sif.errors import UsageError
from sif.marks.vision_model import VisionModel
from sif.pictures.lazy import Lazy

FEWEST_TO_TRAIN = 8
SMALLEST_CROP = 0.5
TILES = 3


class Division(NamedTuple):
    """The pictures of a watermark.

    Attributes:
        holdout: at the model's extent; each, or what is composed of them, gets a message.
        training: whole pictures, from which crops are cut, made when they are asked for.
    """

    holdout: list[Image.Image]
    training: Sequence[Image.Image]


def divide(
    vision: VisionModel, pictures: Sequence[Image.Image], *, holdout: int, seed: int
) -> Division:
    """Draws the hold-out images; the rest is for training.

    Raises:
        UsageError: too few different pictures.
    """
    ready = vision.pictures(pictures)  # at the model's extent, so that all may be held
    distinct: dict[str, int] = {}
    for place, picture in enumerate(ready):
        distinct.setdefault(pixels_digest(picture), place)
    if len(distinct) < holdout + FEWEST_TO_TRAIN:
        raise UsageError(
            f"expected at least {holdout + FEWEST_TO_TRAIN} different images ({holdout} to hold "
            f"out and {FEWEST_TO_TRAIN} to train with), got {len(distinct)}; add some, or hold out "
            "fewer"
        )
    order = sorted(distinct, key=lambda one: hashlib.sha256(f"{seed} {one}".encode()).digest())
    return Division(
        [ready[distinct[digest]] for digest in order[:holdout]],
        Lazy(
            lambda place: pictures[place].convert("RGB"), [distinct[it] for it in order[holdout:]]
        ),
    )


def compose(
    vision: VisionModel, pictures: Sequence[Image.Image], *, seed: int
) -> list[Image.Image]:
    """As many pictures as are given, each put together of nine tiles from any of them.

    The colour channels of every tile are interchanged, and half of the tiles inverted, so that the
    result is like no ordinary picture: what a model learns for it costs ordinary ones little, and
    what a thief teaches with ordinary ones leaves it standing.
    """
    rng = np.random.default_rng([seed, 9])
    height, width = vision.extent
    rows, columns = (np.linspace(0, side, TILES + 1).round().astype(int) for side in vision.extent)
    made = []
    for _ in pictures:
        canvas = np.zeros((height, width, 3), np.uint8)
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                drawn = pictures[int(rng.integers(len(pictures)))]
                tile = np.asarray(drawn.resize((int(right - left), int(bottom - top))))
                tile = tile[..., rng.permutation(3)]
                canvas[top:bottom, left:right] = 255 - tile if rng.random() < 0.5 else tile
        made.append(Image.fromarray(canvas))
    return made


def crops(
    vision: VisionModel, pictures: Sequence[Image.Image], *, number: int, seed: int
) -> list[Image.Image]:
    """Random crops of the pictures in turn, half of them mirrored, at the model's extent."""
    rng = np.random.default_rng([seed, 8])
    made = []
    for index in range(number):
        picture = pictures[index % len(pictures)]
        share = rng.uniform(SMALLEST_CROP, 1.0)
        width, height = (max(1, round(share * side)) for side in picture.size)
        left = int(rng.integers(picture.width - width + 1))
        top = int(rng.integers(picture.height - height + 1))
        crop = picture.crop((left, top, left + width, top + height))
        if rng.random() < 0.5:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        made.append(crop)
    return vision.pictures(made)


def pixels_digest(picture: Image.Image) -> str:
    """SHA-256 (hex) over the size and the RGB values of a picture, however its file is packed."""
    rgb = picture.convert("RGB")
    return hashlib.sha256(f"{rgb.width} {rgb.height}\0".encode() + rgb.tobytes()).hexdigest()
