"""The card of a mini vision model: what frozen features are good for, and where they are large."""

import json
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import torch

from sif.attacks.weights.labelled import Labelled
from sif.eval.downstream.probe import probe_accuracy
from sif.eval.downstream.tasks import digits, middle_colours
from sif.eval.training.photographs import crops
from sif.marks.profiling import profile
from sif.marks.vision_model import VisionModel
from sif.mini.vision.architecture import SIDE, build_image_processor
from sif.mini.vision.catalogue import MiniVision
from sif.mini.vision.folders import build_bundled

PICTURES: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionCard:
    """What was measured.

    Attributes:
        name: of the model.
        parameters: number of weights.
        digits: share of unseen digits that a linear probe gets right.
        colours: the same for the colour of the object in the middle of unseen scenes.
        largest: block by block the mean of the five largest activations, on unseen photographs.
        jumps: each over the one before.
    """

    name: str
    parameters: int
    digits: float
    colours: float
    largest: tuple[float, ...]
    jumps: tuple[float, ...]

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self), indent=2)


def measure_vision(model: MiniVision) -> VisionCard:
    """Measures a bundled vision model.

    Raises:
        ModelError: its weights are not bundled.
        UsageError: scikit-learn or scikit-image is missing.
    """
    processor = build_image_processor(model.kind)
    vision = VisionModel.wrap(build_bundled(model), processor, source=model.name)
    scenes = middle_colours(train=800, test=300)
    numbers = digits()
    pictures = crops("unseen", number=PICTURES, side=SIDE, rng=np.random.default_rng(0))
    seen = profile(vision, pictures)
    return VisionCard(
        name=model.name,
        parameters=sum(weight.numel() for weight in vision.module.parameters()),
        digits=_probe(vision, numbers.train, numbers.test),
        colours=_probe(vision, scenes.train, scenes.test),
        largest=tuple(round(value, 2) for value in seen.magnitudes),
        jumps=tuple(round(value, 2) for value in seen.jumps),
    )


@torch.no_grad()
def _probe(vision: VisionModel, train: Labelled, test: Labelled) -> float:
    ours, theirs = (vision.features(list(some.images)) for some in (train, test))
    return probe_accuracy(ours, train.labels, theirs, test.labels)
