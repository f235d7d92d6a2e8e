"""Downstream tasks: labelled pictures to learn from, and others to be tested on.

Handwritten digits, scikit-learn's bundled 1,797 scans of 8 x 8 pixels (UCI, real data); and painted
scenes of a world that no mini model has learnt: what is in the middle, and where. Knows nothing of
models, and so nothing of their sizes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from PIL import Image

from sif.attacks.weights.labelled import Labelled
from sif.errors import UsageError
from sif.mini import lexicon
from sif.mini.render import Painter
from sif.mini.world import CENTRE_CELL, Scene, sample_scene

DIGIT_SIDE: Final = 64
TRAIN: Final = 1297
WORLD: Final = 71
SCENE_SIDE: Final = 72
GRID: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task.

    Attributes:
        name: in tables.
        classes: number of labels.
        train: what to learn from.
        test: what no training sees.
    """

    name: str
    classes: int
    train: Labelled
    test: Labelled


def digits(*, train: int = TRAIN, seed: int = 0) -> Task:
    """The task of telling which digit it is.

    Args:
        train: pictures to learn from, at most 1,297; the other 500 are always the same test.
        seed: of the order in which pictures are taken to learn from.

    Raises:
        UsageError: scikit-learn is missing, or more pictures are wanted than there are.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UsageError(f"expected scikit-learn, which brings digits ({error})") from error
    if not 1 <= train <= TRAIN:
        raise UsageError(f"expected 1 to {TRAIN} digits to learn from, got {train}")
    data = load_digits()
    order = np.random.default_rng(17).permutation(len(data.images))
    chosen = np.random.default_rng(seed).permutation(order[:TRAIN])[:train]
    return Task(
        name="digits",
        classes=10,
        train=_labelled(data, chosen),
        test=_labelled(data, order[TRAIN:]),
    )


def _labelled(data: object, chosen: np.ndarray) -> Labelled:
    images, labels = data.images[chosen], data.target[chosen]  # type: ignore[attr-defined]
    return Labelled(
        images=[_picture(image) for image in images], labels=torch.from_numpy(labels.copy()).long()
    )


def _picture(image: np.ndarray) -> Image.Image:
    grey = Image.fromarray(np.rint(image * 255 / 16).astype(np.uint8))
    return grey.resize((DIGIT_SIDE, DIGIT_SIDE), Image.Resampling.BICUBIC).convert("RGB")


def middle_colours(*, train: int, test: int, seed: int = 0) -> Task:
    """The task of naming the colour of the object in the middle."""

    def colour(scene: Scene) -> int:
        (thing,) = (thing for thing in scene.things if thing.cell == CENTRE_CELL)
        return thing.colour

    drawn = list(_scenes(train + test, seed, with_middle=True))
    labels = torch.tensor([colour(scene) for scene in drawn])
    return _task("colours", len(lexicon.COLOURS), drawn, labels, train)


def segments(*, train: int, test: int, seed: int = 0) -> Task:
    """The task of naming the colour of the object in each of 24 x 24 fields, or none (0)."""
    drawn = list(_scenes(train + test, seed, with_middle=False))
    painter = Painter(seed=WORLD, side=SCENE_SIDE, period=SCENE_SIDE // 6)
    step = SCENE_SIDE // GRID
    maps = [painter.segments(scene)[step // 2 :: step, step // 2 :: step] for scene in drawn]
    labels = torch.from_numpy(np.stack(maps)).long()
    return _task("segments", len(lexicon.COLOURS) + 1, drawn, labels, train)


def _scenes(number: int, seed: int, *, with_middle: bool) -> Iterator[Scene]:
    rng = np.random.default_rng([seed, WORLD, int(with_middle), 9])
    while number:
        scene = sample_scene(rng)
        if not with_middle or any(thing.cell == CENTRE_CELL for thing in scene.things):
            number -= 1
            yield scene


def _task(name: str, classes: int, drawn: list[Scene], labels: torch.Tensor, train: int) -> Task:
    painter = Painter(seed=WORLD, side=SCENE_SIDE, period=SCENE_SIDE // 6)
    images = [painter.image(scene) for scene in drawn]
    return Task(
        name=name,
        classes=classes,
        train=Labelled(images=images[:train], labels=labels[:train]),
        test=Labelled(images=images[train:], labels=labels[train:]),
    )
