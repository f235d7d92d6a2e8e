"""What a mini vision model learns: to see, from parts of a picture, what the whole looks like.

MaskFeat (Wei et al., CVPR 2022, arXiv:2112.09133) predicts histograms of oriented gradients where
patches are hidden. Here every patch predicts its histogram and its colours, hidden or not, and the
class token those of a coarse grid over the whole picture and a thumbnail in grey; of painted scenes
the class token also says what is in each cell. Knows nothing of architectures.
"""

import math
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sif.mini.vision.architecture import GRID, PATCH
from sif.mini.world import CELLS

BINS: Final = 8
FINE: Final = 2 * GRID
COARSE: Final = 4
THUMBNAIL: Final = 8
PATCH_TARGET: Final = 4 * (BINS + 3)
WHOLE_TARGET: Final = COARSE * COARSE * (BINS + 3) + THUMBNAIL * THUMBNAIL
SHAPES, COLOURS = 7, 9

Images = Float[Tensor, "batch 3 height width"]


class Heads(nn.Module):
    """Linear read-outs of the class token and of the patches, thrown away after training."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.whole = nn.Linear(hidden, WHOLE_TARGET)
        self.cells = nn.Linear(hidden, CELLS * (SHAPES + COLOURS))
        self.patch = nn.Linear(hidden, PATCH_TARGET)


def gradient_histograms(images: Images) -> Float[Tensor, "batch bins height width"]:
    """Oriented gradients of each pixel, split softly between the two nearest of eight directions.

    Directions are those of unsigned edges, in [0, π).
    """
    grey = F.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    right = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]
    down = grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
    place = torch.atan2(down, right) % math.pi * (BINS / math.pi)
    centres = torch.arange(BINS).view(1, BINS, 1, 1)
    away = (place - centres).abs()
    near = torch.minimum(away, BINS - away)
    split: Tensor = torch.hypot(down, right) * (1 - near).clamp(min=0)
    return split


def targets(
    images: Images,
) -> tuple[Float[Tensor, "batch patches target"], Float[Tensor, "batch whole"]]:
    """Per patch and for the whole picture: normalised histograms, and mean colours around 0.

    Behind those of the whole picture its thumbnail, around 0 as well.
    """
    histograms = gradient_histograms(images)
    fine = torch.cat([_pooled(histograms, FINE), _pooled(images, FINE) - 0.5], 1)
    coarse = torch.cat([_pooled(histograms, COARSE), _pooled(images, COARSE) - 0.5], 1)
    patches = F.unfold(fine, 2, stride=2).transpose(1, 2)
    grey = _pooled(images.mean(1, keepdim=True), THUMBNAIL).flatten(1) - 0.5
    whole = torch.cat([_scaled(coarse.flatten(1), COARSE * COARSE), grey / 3], 1)
    return _scaled(patches, 4), whole


def hide(images: Images, share: float, generator: torch.Generator) -> Images:
    """Puts grey in place of a share of all patches, chosen at random."""
    hidden = torch.rand(len(images), 1, GRID, GRID, generator=generator) < share
    return torch.where(hidden.repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3), 0.5, images)


def loss_of(
    states: Float[Tensor, "batch positions hidden"],
    heads: Heads,
    images: Images,
    facts: Int[Tensor, "scenes cells 2"],
) -> Float[Tensor, ""]:
    """The loss of a model's last representation.

    Args:
        states: class token first, then patches in reading order.
        heads: what reads them.
        images: whole, of the batch; scenes come first.
        facts: of the scenes, the shape and the colour in every cell (0 for none).
    """
    patch_target, whole_target = targets(images)
    loss: Tensor = (heads.patch(states[:, 1:]) - patch_target).square().sum(-1).mean()
    loss = loss + 2 * (heads.whole(states[:, 0]) - whole_target).square().sum(-1).mean()
    said = heads.cells(states[: len(facts), 0]).unflatten(-1, (CELLS, -1))
    for logits, truth in zip(said.split((SHAPES, COLOURS), -1), facts.unbind(-1), strict=True):
        loss = loss + 0.5 * F.cross_entropy(logits.flatten(0, 1), truth.flatten())
    return loss


def _pooled(values: Tensor, grid: int) -> Tensor:
    return F.avg_pool2d(values, values.shape[-1] // grid)


def _scaled(values: Tensor, cells: int) -> Tensor:
    """Histograms (the first channels of every cell) to length 1; colours by √cells."""
    edges, colours = values.split((BINS * cells, 3 * cells), -1)
    length = edges.norm(dim=-1, keepdim=True)
    return torch.cat([edges / (length + 0.02 * math.sqrt(cells)), colours * 2 / cells**0.5], -1)
