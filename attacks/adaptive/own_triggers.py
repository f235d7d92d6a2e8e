"""Triggers that a thief makes himself: the method is known, the keys are his own.

They teach detectors what triggers look like, and models to answer them ordinarily. Knows nothing of
the owner's triggers.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from sif.attacks.weights.attack import Progress, Report, ignore
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.fingerprint.make import make_fingerprint
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.recipe import Recipe
from sif.pictures.folder import NamedImage
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing

BATCH: Final = 12
WEAKEST: Final = 0.25


def make_own_triggers(
    vlm: Vlm,
    pictures: Sequence[Image.Image],
    *,
    recipe: Recipe,
    prompts: Sequence[str],
    out: Path,
    count: int,
    seed: int,
    report: Report = ignore,
) -> FingerprintSet:
    """Makes triggers with keys that follow from a seed; finds those that are in the folder.

    Args:
        vlm: the stolen model, or any other.
        pictures: ordinary ones; the first `count` are base images, all of them tell what ordinary
            pictures hold.
        recipe: how.
        prompts: ordinary questions.
        out: the folder.
        count: how many.
        seed: of keys and triggers.
        report: called after every step.

    Raises:
        UsageError: too few pictures.
        FingerprintError: the folder holds other triggers.
        StorageError: the disk refuses.
    """

    def tell(progress: MakingProgress) -> None:
        done = round(progress.done + progress.part)
        report(Progress(stage="own triggers", step=done, steps=progress.count, loss=progress.loss))

    return make_fingerprint(
        vlm,
        [NamedImage(name=str(i), image=picture) for i, picture in enumerate(pictures)],
        recipe=recipe,
        out=out,
        prompts=prompts,
        count=count,
        keys=KeyRing(hashlib.sha256(f"thief {seed}".encode()).digest()),
        seed=seed,
        batch_size=BATCH,
        report=tell,
    )


def varied(
    triggers: Sequence[Trigger], pictures: Sequence[Image.Image], *, number: int, seed: int
) -> list[Image.Image]:
    """More triggers out of few: their changes, put on other pictures at other strengths.

    Args:
        triggers: with their base images.
        pictures: ordinary ones of the same extent.
        number: how many to return; strengths are drawn from a quarter to the whole.
        seed: of what is drawn.
    """
    rng = np.random.default_rng([seed, 9])
    made = []
    for _ in range(number):
        trigger = triggers[int(rng.integers(len(triggers)))]
        picture = pictures[int(rng.integers(len(pictures)))]
        made.append(moved(trigger.image, trigger.base, picture, strength=rng.uniform(WEAKEST, 1)))
    return made


def moved(
    trigger: Image.Image, base: Image.Image, picture: Image.Image, *, strength: float = 1.0
) -> Image.Image:
    """Another picture with what a trigger changed in its base image, all of one extent."""
    values = [np.asarray(one.convert("RGB"), np.float64) for one in (trigger, base, picture)]
    changed = values[2] + strength * (values[0] - values[1])
    return Image.fromarray(changed.round().clip(0, 255).astype(np.uint8))
