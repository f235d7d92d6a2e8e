"""The vision towers of the bundled LLaVAs as classifiers: the tower, its mean token, a new head.

Training sets hold the first sibling and the first stranger; the others are suspects alone.
"""

import copy
from functools import cache
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sif.eval.networks.tasks import Task, split
from sif.mini.architecture import SIDE
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import build
from sif.networks.architecture import Cnn
from sif.networks.architecture import build as build_named
from sif.networks.domain import Domain
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit
from sif.vlm.pixels import to_tensor

SCENES: Final = 700
SCENE_SEED: Final = 81
TOWERS: Final = (
    "llava-source",
    "llava-sibling",
    "llava-stranger-a",
    "llava-sibling-b",
    "llava-sibling-c",
    "llava-stranger-b",
    "llava-stranger-c",
)
SHAPE: Final = (3, SIDE, SIDE)


class TowerClassifier(nn.Module):
    """A tower with a linear head on the mean of its tokens.

    Args:
        body: a vision tower of transformers.
        mean: of each channel, which is subtracted from pictures in [0, 1].
        spread: of each channel, which they are divided by.
        classes: of the head.
    """

    def __init__(self, body: Any, mean: Tensor, spread: Tensor, classes: int) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("spread", spread[:, None, None])
        self.head = nn.Linear(body.config.hidden_size, classes)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch classes"]:
        """The logits."""
        pixels = (images - self.get_buffer("mean")) / self.get_buffer("spread")
        states: Tensor = self.body(pixel_values=pixels).last_hidden_state
        logits: Tensor = self.head(states.mean(1))
        return logits


def tower_task(seed: int) -> Task:
    """The task of counting objects; kind 7 is a small convolutional network from scratch."""
    data = _pictures()
    owner, thief, unseen = split(data, seed)
    classes = int(data.targets.max()) + 1
    scratch = Cnn(inputs=SHAPE, channels=(8, 16, 16, 16), outputs=(classes,))

    def begin(number: int, start: int) -> nn.Module:
        if number == len(TOWERS):
            return build_named(scratch, seed=start).eval()
        body, mean, spread = _tower(TOWERS[number])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(start)
            return TowerClassifier(copy.deepcopy(body), mean, spread, classes).eval()

    return Task(
        name="tower",
        kind="logits",
        owner=owner,
        thief=thief,
        unseen=unseen,
        begin=begin,
        trained_kinds=(1, 2),
        suspect_kinds=(3, 4, 5, 6, 7),
        student=scratch,
        training=Fit(epochs=6, learning_rate=5e-4, batch_size=32),
        tuning=Fit(epochs=2, learning_rate=2e-4, batch_size=32),
        fingerprints=32,
        iterations=200,
    )


@cache
def _tower(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    model, processor = build(find(name))
    told = processor.image_processor
    body: nn.Module = model.model.vision_tower.float().eval().requires_grad_(False)
    return body, torch.tensor(told.image_mean), torch.tensor(told.image_std)


@cache
def _pictures() -> Dataset:
    """Scenes of the source's world, told apart by their number of objects."""
    drawn = samples(find(TOWERS[0]).world, number=SCENES, seed=SCENE_SEED)
    counts = torch.tensor([sample.scene.count for sample in drawn])
    domain = Domain(shape=SHAPE, levels=256)
    images = domain.store(to_tensor([sample.image for sample in drawn]))
    return Dataset(inputs=images, targets=counts - int(counts.min()), domain=domain)
