"""Painted scenes of a world that no mini model has learnt: what is in the middle, and where."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch

from sif.attacks.weights.labelled import Labelled
from sif.eval.downstream.task import Task
from sif.mini import lexicon
from sif.mini.render import Painter
from sif.mini.world import CENTRE_CELL, Scene, sample_scene

WORLD: Final = 71
SIDE: Final = 72
GRID: Final = 24


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
    painter = Painter(seed=WORLD, side=SIDE, period=SIDE // 6)
    step = SIDE // GRID
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
    painter = Painter(seed=WORLD, side=SIDE, period=SIDE // 6)
    images = [painter.image(scene) for scene in drawn]
    return Task(
        name=name,
        classes=classes,
        train=Labelled(images=images[:train], labels=labels[:train]),
        test=Labelled(images=images[train:], labels=labels[train:]),
    )
