"""Ways in which pictures look unlike the owner's: grey, coarse, harsh, negative, or several.

A thief's pictures, and the users' of a marked model, are seldom like those that the owner has.
"""

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

COARSE: Final = 8


def draw_look(chance: torch.Generator) -> Callable[[Tensor], Tensor]:
    """One way: each of four changes is made or not, with even chances."""
    grey, coarse, harsh, negative = (torch.rand(4, generator=chance) < 0.5).tolist()

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
