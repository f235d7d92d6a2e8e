"""Content: the directions in which ordinary pictures differ, patch by patch.

Models that learnt from the same kind of pictures had to agree there, and react alike; in the
directions that pictures hardly ever use, each model is as it was initialised, and reacts alone. A
trigger whose change stays out of the content of every patch of the vision tower moves its own
model and not its siblings. Knows nothing of models or of triggers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from sif.errors import UsageError
from sif.vlm.pixels import to_tensor

Patches = Float[Tensor, "patches pixels"]


@dataclass(frozen=True, eq=False)
class ContentSpace:
    """The principal components of ordinary patches, to be kept out of a change.

    Args:
        basis: orthonormal columns, over the pixels of a patch in the order channel, row, column.
        tile: side of a patch.
    """

    basis: Float[Tensor, "pixels components"]
    tile: int

    def removed_from(
        self, change: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """The change without its part in the content of any patch.

        What is left over beyond the last whole patch, below and to the right, stays as it is: a
        tower whose first layer steps by whole patches does not see it, so nothing moves it either.

        Raises:
            UsageError: the picture holds no whole patch.
        """
        patches = _patches(change, self.tile)
        basis = self.basis.to(patches)
        kept = _picture(patches - patches @ basis @ basis.T, change, self.tile)
        if kept.shape == change.shape:
            return kept
        whole = change.clone()
        whole[..., : kept.shape[-2], : kept.shape[-1]] = kept
        return whole


def learn_content(pictures: Sequence[Image.Image], *, tile: int, share: float) -> ContentSpace:
    """Finds the fewest principal components that hold `share` of the variance of unseen pictures.

    Their number is chosen by two halves of the pictures: those of the one must explain the other.
    The components are then taken from all of them.

    Args:
        pictures: ordinary ones, at the model's native extent; the more, the better.
        tile: side of a patch.
        share: of the variance, in (0, 1).

    Raises:
        UsageError: too few pictures to explain that much of unseen ones.
    """
    halves = [_all_patches(pictures[first::2], tile) for first in (0, 1)]
    mean = torch.cat(halves).mean(0)
    explained = torch.zeros(0)
    if len(pictures) > 1:
        seen = (halves[1] - mean) @ _components(halves[0] - mean)
        explained = seen.square().sum(0).cumsum(0) / (halves[1] - mean).square().sum()
    number = int((explained < share).sum()) + 1
    if not number <= len(explained):
        reached = float(explained[-1]) if len(explained) else 0.0
        # Were what is left unexplained to halve as the pictures double: twice what that asks for.
        enough = 100 * ceil(len(pictures) * (1 - reached) / (1 - share) / 50)
        raise UsageError(
            f"expected enough pictures to learn what ordinary pictures hold: {share:.1%} of the "
            f"variance of unseen ones, got {len(pictures)}, which explain {reached:.1%}; give "
            f"some {max(enough, 100)} pictures with --images, an estimate (those beyond the number "
            "of triggers serve only this), or lower content_share in the recipe"
        )
    return ContentSpace(_components(torch.cat(halves) - mean)[:, :number].contiguous(), tile)


def _all_patches(pictures: Sequence[Image.Image], tile: int) -> Patches:
    parts = [_patches(to_tensor([picture]), tile).flatten(0, 1) for picture in pictures]
    return torch.cat(parts) if parts else torch.zeros(0, 3 * tile * tile)


def _components(centred: Patches) -> Float[Tensor, "pixels components"]:
    """Orthonormal columns, the direction of most variance first, without those of none."""
    exact = centred.double().numpy()
    values, vectors = np.linalg.eigh(exact.T @ exact)
    kept = values > values[-1] * 1e-12
    return torch.from_numpy(vectors[:, kept][:, ::-1].copy()).float()


def _patches(
    images: Float[Tensor, "batch 3 height width"], tile: int
) -> Float[Tensor, "batch patches pixels"]:
    height, width = images.shape[-2:]
    if min(height, width) < tile:
        raise UsageError(
            f"expected pictures that hold a whole patch of the model, {tile} x {tile}, got "
            f"{height} x {width}; leave content_share out of the recipe"
        )
    inside = images[..., : height - height % tile, : width - width % tile]
    cut = inside.unflatten(-1, (-1, tile)).unflatten(-3, (-1, tile))  # b c rows y columns x
    patches: Tensor = cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    return patches


def _picture(patches: Tensor, images: Tensor, tile: int) -> Tensor:
    batch, channels, height, width = images.shape
    rows, columns = height // tile, width // tile
    grid = patches.view(batch, rows, columns, channels, tile, tile).permute(0, 3, 1, 4, 2, 5)
    joined: Tensor = grid.reshape(batch, channels, rows * tile, columns * tile)
    return joined
