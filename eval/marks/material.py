"""What the study works with: pictures of all sides, small tasks, and what features are good for.

Pictures are the owner's, a thief's, and some that nobody trains on; features are judged by their
drift on those and by a linear probe on digits.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sif.attacks.weights.vision_tuning import ClassHead
from sif.eval.downstream.probe import cross_validated_accuracy, fit_probe
from sif.eval.downstream.tasks import Task, digits, middle_colours, segments
from sif.eval.marks.setting import MarkSettings
from sif.eval.training.photographs import Split, crops
from sif.marks.vision_model import VisionModel
from sif.mini.data import samples
from sif.vlm.pixels import to_tensor

SIDE: Final = 96
OWNERS_WORLD, THIEFS_WORLD, UNSEEN_WORLD = 11, 81, 82
BATCH: Final = 64


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


@cache
def task_of(setting: MarkSettings, name: str) -> Task:
    """A downstream task at the study's size."""
    match name:
        case "digits":
            return digits(train=setting.train, seed=setting.seed)
        case "colours":
            return middle_colours(train=setting.train, test=setting.test, seed=setting.seed)
        case _:
            return segments(train=setting.train, test=setting.test, seed=setting.seed)


@torch.no_grad()
def features_of(
    vision: VisionModel, pictures: Sequence[Image.Image]
) -> Float[Tensor, "pictures features"]:
    """Representations of pictures of any size, on the CPU."""
    images = to_tensor(vision.pictures(pictures))
    return torch.cat([vision.features(part).cpu() for part in images.split(BATCH)])


def drift(
    setting: MarkSettings, clean: VisionModel, other: VisionModel
) -> Float[Tensor, " pictures"]:
    """For each unseen picture the cosine of the two models' features."""
    pictures = unseen_pictures(setting.unseen, seed=setting.seed)
    return F.cosine_similarity(features_of(clean, pictures), features_of(other, pictures), dim=-1)


def digit_probe(setting: MarkSettings, vision: VisionModel) -> float:
    """Accuracy of a linear probe on digits, learning and test ones, by cross-validation."""
    task = task_of(setting, "digits")
    images, labels = [*task.train.images, *task.test.images], [task.train.labels, task.test.labels]
    return cross_validated_accuracy(features_of(vision, images), torch.cat(labels))


def digit_head(setting: MarkSettings, vision: VisionModel) -> ClassHead:
    """A classification head for digits on the frozen features."""
    task = task_of(setting, "digits")
    probe = fit_probe(features_of(vision, task.train.images), task.train.labels)
    head = ClassHead(probe.in_features, probe.out_features)
    head.linear = probe
    return head.eval().requires_grad_(False)
