"""Distillation of a vision model into a fresh one, which shares none of its weights.

The student has the teacher's architecture and learns its representation and its patches on pictures
of the thief's own (features standardised by the teacher's spread, mean squared error).
"""

import torch
from PIL import Image
from torch import Tensor

from sif.attacks.weights.attack import Report, ignore
from sif.attacks.weights.schedule import Training
from sif.attacks.weights.vision_tuning import BATCH, descend
from sif.errors import UsageError
from sif.marks.vision_model import VisionModel
from sif.vlm.pixels import to_tensor


def fresh_like(vision: VisionModel, *, seed: int) -> VisionModel:
    """A model of the same architecture whose tower has new random weights."""
    student = vision.copy()
    module = student.module
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module.load_state_dict(type(module)(module.config).state_dict())
    return student


def distil(
    teacher: VisionModel,
    student: VisionModel,
    images: list[Image.Image],
    settings: Training,
    *,
    report: Report = ignore,
) -> None:
    """Teaches the student in place.

    Args:
        teacher: what it is to resemble.
        student: of the same width of features.
        images: the thief's own pictures.
        settings: of the training.
        report: called after every update.

    Raises:
        UsageError: no pictures.
        ModelError: the loss is no longer finite.
    """
    if not images:
        raise UsageError("expected at least one picture to distil on, got none")
    shown = to_tensor(teacher.pictures(images))
    with torch.no_grad():
        seen = [_features(teacher, part.to(teacher.device)) for part in shown.split(BATCH)]
    wanted = torch.cat(seen)
    mean, spread = wanted.mean((0, 1)), wanted.std((0, 1)).clamp(min=1e-6)
    wanted = (wanted - mean) / spread

    def loss(chosen: list[int]) -> Tensor:
        said = _features(student, shown[chosen].to(student.device))
        return ((said - mean) / spread - wanted[chosen]).square().mean()

    descend(student, None, loss, len(shown), settings, report=report)


def _features(vision: VisionModel, images: Tensor) -> Tensor:
    """Patches and the representation behind one another: "batch patches+1 features"."""
    inputs = vision.prepare(images)
    seen = vision.run(inputs)
    return torch.cat([seen.tokens, seen.features[:, None]], 1)
