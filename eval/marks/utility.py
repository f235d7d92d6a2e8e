"""What features are still good for: drift on unseen pictures, and a linear probe on digits."""

from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sif.attacks.weights.vision_tuning import ClassHead
from sif.eval.downstream.digits import digits
from sif.eval.downstream.probe import cross_validated_accuracy, fit_probe
from sif.eval.downstream.scenes import middle_colours, segments
from sif.eval.downstream.task import Task
from sif.eval.marks.pictures import unseen_pictures
from sif.eval.marks.setting import Setting
from sif.marks.vision_model import VisionModel
from sif.vlm.pixels import to_tensor

BATCH = 64


@cache
def task_of(setting: Setting, name: str) -> Task:
    """A downstream task at the benchmark's size."""
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


def drift(setting: Setting, clean: VisionModel, other: VisionModel) -> Float[Tensor, " pictures"]:
    """For each unseen picture the cosine of the two models' features."""
    pictures = unseen_pictures(setting.unseen, seed=setting.seed)
    return F.cosine_similarity(features_of(clean, pictures), features_of(other, pictures), dim=-1)


def digit_probe(setting: Setting, vision: VisionModel) -> float:
    """Accuracy of a linear probe on digits, learning and test ones, by cross-validation."""
    task = task_of(setting, "digits")
    images, labels = [*task.train.images, *task.test.images], [task.train.labels, task.test.labels]
    return cross_validated_accuracy(features_of(vision, images), torch.cat(labels))


def digit_head(setting: Setting, vision: VisionModel) -> ClassHead:
    """A classification head for digits on the frozen features."""
    task = task_of(setting, "digits")
    probe = fit_probe(features_of(vision, task.train.images), task.train.labels)
    head = ClassHead(probe.in_features, probe.out_features)
    head.linear = probe
    return head.eval().requires_grad_(False)
