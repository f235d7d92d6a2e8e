"""The images that a mark is trained on, with what the clean model makes of them.

A thief's pictures, and the users' of a marked model, are seldom like those that the owner has: so
a share of the training images may be given another look. Knows nothing of messages.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from sif.marks.seeded import generator_at
from sif.marks.vision_model import VisionModel
from sif.vlm.pixels import to_tensor

BATCH: Final = 32
COARSE: Final = 8

Look = Callable[[Tensor], Tensor]
"""Another look of pictures, unlike the owner's: grey, coarse, harsh, negative, or several."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingImages:
    """Images and their clean representations, on the CPU.

    Attributes:
        images: floats in [0, 1] at the model's extent.
        tokens: what the clean model hands on for each.
        features: its representation of each.
    """

    images: Float[Tensor, "batch 3 height width"]
    tokens: Float[Tensor, "batch tokens features"]
    features: Float[Tensor, "batch features"]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def spread(self) -> float:
        """Root mean square over dimensions of the representations' standard deviations."""
        return float(variance_of(self.features[:, None]) ** 0.5)

    def classes(self, number: int, generator: torch.Generator) -> Int[Tensor, " batch"]:
        """For each image, which of `number` drawn ones its representation is nearest to."""
        drawn = torch.randperm(len(self.features), generator=generator)[:number]
        return torch.cdist(self.features, self.features[drawn]).argmin(1)

    def token_classes(self, number: int, generator: torch.Generator) -> Int[Tensor, "batch tokens"]:
        """For each token of each image, which of `number` drawn ones it is nearest to."""
        flat = self.tokens.flatten(0, 1)
        drawn = torch.randperm(len(flat), generator=generator)[:number]
        return torch.cdist(flat, flat[drawn]).argmin(1).view(self.tokens.shape[:2])


def variance_of(tokens: Float[Tensor, "batch tokens features"]) -> float:
    """Mean over dimensions of the variance over images and tokens."""
    return float((tokens - tokens.mean((0, 1))).square().mean())


@torch.no_grad()
def show_clean(
    vision: VisionModel, pictures: Sequence[Image.Image], *, looks: float = 0.0, seed: int = 0
) -> TrainingImages:
    """Shows pictures to the clean model, and keeps what it makes of them.

    Args:
        vision: not marked yet.
        pictures: at the model's extent.
        looks: share of them that are given another look, each one of its own.
        seed: of which, and how.
    """
    images = to_tensor(pictures)
    for place in range(round(looks * len(images))):
        look = draw_look(generator_at(seed, place, 10))
        images[place : place + 1] = look(images[place : place + 1])
    seen = [vision.run(vision.prepare(part)) for part in images.split(BATCH)]
    return TrainingImages(
        images=images,
        tokens=torch.cat([one.tokens.cpu() for one in seen]),
        features=torch.cat([one.features.cpu() for one in seen]),
    )


def draw_look(generator: torch.Generator) -> Look:
    """One look: each of four changes is made or not, with even chances."""
    grey, coarse, harsh, negative = (torch.rand(4, generator=generator) < 0.5).tolist()

    def look(images: Tensor) -> Tensor:
        if grey:
            images = images.mean(1, keepdim=True).expand_as(images)
        if coarse:
            small = F.interpolate(images, (COARSE, COARSE), mode="area")
            images = F.interpolate(small, images.shape[-2:], mode="bilinear")
        if harsh:
            images = (2.0 * images - 0.5).clamp(0.0, 1.0)
        return 1.0 - images if negative else images

    return look
