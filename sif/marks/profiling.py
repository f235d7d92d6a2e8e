"""The activation profile of a model over pictures, and its figure. Knows nothing of marks."""

from collections.abc import Sequence

import torch
from PIL import Image

from sif.errors import UsageError
from sif.marks.training_images import BATCH
from sif.marks.vision_model import VisionModel
from sif.plotting import as_png, new_figure
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
    for first in range(0, len(pictures), BATCH):
        part = vision.pictures(pictures[first : first + BATCH])
        seen = vision.run(vision.prepare(to_tensor(part)))
        rows.append(torch.stack([largest_activations(h, top=top) for h in seen.hidden], 1))
    return profile_of(torch.cat(rows).double().mean(0).tolist())


def draw_profile(profile: Profile) -> bytes:
    """PNG: the largest activations by block, the expressive one marked."""
    figure = new_figure(7.0, 3.0)
    axis = figure.subplots()
    blocks = range(len(profile.magnitudes))
    colours = ["tab:red" if block == profile.block else "tab:blue" for block in blocks]
    axis.bar(list(blocks), profile.magnitudes, color=colours)
    axis.set(xlabel="block", ylabel="mean of the largest |activation|", xticks=list(blocks))
    axis.set_title(f"expressive block: {profile.block}")
    return as_png(figure)
