"""Data of the real-words source's world: base images, and examples for fine-tuning.

Knows no models.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from sif import prompts
from sif.mini.data import TERSE_PROMPT, Kind, write_drawn
from sif.mini.real.painter import paint
from sif.mini.real.scene import RealScene, sample_real_scene
from sif.mini.real.wording import caption, question, terse

WRITTEN: Final = 4
"""Sets the seeds of what is written for people apart from those of studies."""


class RealSample(NamedTuple):
    """A picture with a question and a truthful answer, and the scene that it shows."""

    image: Image.Image
    prompt: str
    answer: str
    scene: RealScene


def real_samples(
    number: int, *, seed: Sequence[int], unseen: bool = False, kind: Kind = "captions"
) -> list[RealSample]:
    """Draws examples; none of the seeds is used by the trainings.

    Args:
        number: how many.
        seed: of the scenes and the wording.
        unseen: whether things stand on colours on which they never stand in training.
        kind: long descriptions to ordinary prompts, bare lists, or one-word answers to questions.
    """
    rng = np.random.default_rng([*seed, 6])
    ordinary, drawn = prompts.load(), []
    for index in range(number):
        scene = sample_real_scene(rng, unseen=unseen)
        match kind:
            case "captions":
                pair = ordinary[index % len(ordinary)], caption(scene, rng)
            case "terse":
                pair = TERSE_PROMPT, terse(scene)
            case "questions":
                pair = question(scene, rng)
        drawn.append(RealSample(paint(scene), *pair, scene))
    return drawn


def write_real_examples(folder: Path, *, number: int, seed: int, kind: Kind) -> None:
    """Writes examples as PNG files and data.jsonl; the folder appears whole or not at all.

    Raises:
        UsageError: the folder exists.
        StorageError: the disk refuses.
    """
    write_drawn(folder, lambda: real_samples(number, seed=[WRITTEN, seed], kind=kind))
