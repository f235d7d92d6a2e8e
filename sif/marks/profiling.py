"""The activation profile of a model over pictures. Knows nothing of marks."""

from collections.abc import Sequence

import torch
from PIL import Image

from sif.errors import UsageError
from sif.marks.pool import BATCH
from sif.marks.vision_model import VisionModel
from sif.vlm.pixels import to_tensor
from sif.watermark.activemark.profile import TOP, Profile, largest_activations, profile_of


@torch.no_grad()
def profile(vision: VisionModel, pictures: Sequence[Image.Image], *, top: int = TOP) -> Profile:
    """The mean of the `top` largest |activation| of each image, block by block.

    Args:
        vision: any.
        pictures: of any size; about 100 are enough.
        top: k.

    Raises:
        UsageError: no pictures, or a tower of fewer than three blocks.
    """
    if not pictures:
        raise UsageError("expected at least one picture to profile a model with, got none")
    rows = []
    for part in to_tensor(vision.pictures(pictures)).split(BATCH):
        seen = vision.run(vision.prepare(part))
        rows.append(torch.stack([largest_activations(h, top=top) for h in seen.hidden], 1))
    return profile_of(torch.cat(rows).double().mean(0).tolist())
