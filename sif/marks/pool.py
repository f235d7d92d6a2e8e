"""The training images, with what the clean model makes of them. Knows nothing of messages."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from sif.marks.appearance import draw_look
from sif.marks.chance import generator
from sif.marks.vision_model import VisionModel
from sif.vlm.pixels import to_tensor

BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Images and their clean representations, on the CPU.

    Attributes:
        images: floats in [0, 1] at the model's extent.
        tokens: what the clean model hands on for each.
        features: its representation of each.
    """

    images: Float[Tensor, "batch 3 height width"]
    tokens: Float[Tensor, "batch tokens features"]
    features: Float[Tensor, "batch features"]

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
def make_pool(
    vision: VisionModel, pictures: Sequence[Image.Image], *, looks: float = 0.0, seed: int = 0
) -> Pool:
    """Shows the pictures to the clean model.

    Args:
        vision: not marked yet.
        pictures: at the model's extent.
        looks: share of them that are changed as in `sif.marks.appearance`, each in a way of its
            own.
        seed: of which, and how.
    """
    images = to_tensor(pictures)
    for place in range(round(looks * len(images))):
        look = draw_look(generator(seed, place, 10))
        images[place : place + 1] = look(images[place : place + 1])
    seen = [vision.run(vision.prepare(part)) for part in images.split(BATCH)]
    return Pool(
        images=images,
        tokens=torch.cat([one.tokens.cpu() for one in seen]),
        features=torch.cat([one.features.cpu() for one in seen]),
    )
