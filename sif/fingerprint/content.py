"""Content: the directions in which ordinary pictures differ, patch by patch.

Models that learnt from the same kind of pictures had to agree there, and react alike; in the
directions that pictures hardly ever use, each model is as it was initialised, and reacts alone. A
trigger whose change stays out of the content of every patch of the vision tower moves its own
model and not its siblings. Knows nothing of models or of triggers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from sif.errors import UsageError
from sif.vlm.out_of_memory import in_halves
from sif.vlm.pixels import to_tensor

Patches = Float[Tensor, "patches pixels"]
Scatter = Float[np.ndarray, "pixels pixels"]

MOST_VALUES: Final = 1 << 21
"""Of a picture that are worked on at once."""
AT_LEAST: Final = 256
"""Patches that are counted together however short memory is."""
GREY: Final = 0.5


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
        kept = _picture(self.left_of(_patches(change, self.tile)), change, self.tile)
        if kept.shape == change.shape:
            return kept
        whole = change.clone()
        whole[..., : kept.shape[-2], : kept.shape[-1]] = kept
        return whole

    def left_of(self, patches: Float[Tensor, "*some pixels"]) -> Float[Tensor, "*some pixels"]:
        """Patches without their part in the content."""
        basis = self.basis.to(patches)
        return patches - patches @ basis @ basis.T


def learn_content(pictures: Iterable[Image.Image], *, tile: int, share: float) -> ContentSpace:
    """Finds the fewest principal components that hold `share` of the variance of unseen pictures.

    Their number is chosen by two halves of the pictures: those of the one must explain the other.
    The components are then taken from all of them. Pictures are gone through once; none is kept.

    Args:
        pictures: ordinary ones, at the model's native extent; the more, the better.
        tile: side of a patch.
        share: of the variance, in (0, 1).

    Raises:
        UsageError: too few pictures to explain that much of unseen ones.
    """
    halves, number_of_pictures = (_Moments(3 * tile * tile), _Moments(3 * tile * tile)), 0
    for picture in pictures:
        half = halves[number_of_pictures % 2]
        for patches in patches_of(picture, tile):
            half.add(patches)
        number_of_pictures += 1
    both = halves[0].whole().joined(halves[1].whole())
    mean = both.mean()
    explained = np.zeros(0)
    if number_of_pictures > 1:
        ways, unseen = _components(halves[0].scatter(mean)), halves[1].scatter(mean)
        seen = np.einsum("pc,pq,qc->c", ways, unseen, ways, optimize=True)
        explained = seen.cumsum() / np.trace(unseen)
    number = int((explained < share).sum()) + 1
    if not number <= len(explained):
        reached = float(explained[-1]) if len(explained) else 0.0
        # Were what is left unexplained to halve as the pictures double: twice what that asks for.
        enough = 100 * ceil(number_of_pictures * (1 - reached) / (1 - share) / 50)
        raise UsageError(
            f"expected enough pictures to learn what ordinary pictures hold: {share:.1%} of the "
            f"variance of unseen ones, got {number_of_pictures}, which explain {reached:.1%}; give "
            f"some {max(enough, 100)} pictures with --images, an estimate (those beyond the number "
            "of triggers serve only this), or lower content_share in the recipe"
        )
    basis = _components(both.scatter(mean))[:, :number]
    return ContentSpace(torch.from_numpy(basis.copy()).float().contiguous(), tile)


def patches_of(picture: Image.Image, tile: int) -> Iterator[Patches]:
    """The whole patches of a picture in [0, 1], some rows of them at once.

    Raises:
        UsageError: it holds no whole patch.
    """
    _check_whole(picture.height, picture.width, tile)

    def cut(tops: Sequence[int]) -> list[Patches]:
        band = picture.crop((0, tops[0], picture.width, tops[-1] + tile))
        return [_patches(to_tensor([band]), tile).flatten(0, 1)]

    at_once = max(1, MOST_VALUES // (3 * tile * max(1, picture.width)))
    tops = range(0, picture.height - picture.height % tile, tile)
    for start in range(0, len(tops), at_once):
        yield from in_halves(cut, tops[start : start + at_once], what="rows of patches read")


class _Moments:
    """Number, sum and products of patches, so that they themselves need not be kept.

    They are counted from mid grey, near which their mean lies: less is lost in the difference.
    """

    def __init__(self, pixels: int) -> None:
        self.number, self.sum = 0, np.zeros(pixels)
        self.products = np.zeros((pixels, pixels))
        self._waiting: list[Patches] = []

    def add(self, patches: Patches) -> None:
        """Takes in some patches, together with the next ones where they are few."""
        self._waiting.append(patches)
        if sum(some.numel() for some in self._waiting) >= MOST_VALUES:
            self._count()

    def whole(self) -> "_Moments":
        """The same with nothing left waiting."""
        if self._waiting:
            self._count()
        return self

    def _count(self) -> None:
        waiting, self._waiting = self._waiting, []
        parts = [part for patches in waiting for part in patches.split(AT_LEAST)]
        in_halves(self._add, parts, what="parts of pictures studied")

    def _add(self, parts: Sequence[Patches]) -> list[None]:
        """Counts nothing where memory runs out in between."""
        exact = torch.cat(list(parts)).double().numpy() - GREY
        total, products = self.sum + exact.sum(0), self.products + exact.T @ exact
        self.number += len(exact)
        self.sum, self.products = total, products
        return []

    def joined(self, other: "_Moments") -> "_Moments":
        """Of the patches of both."""
        made = _Moments(len(self.sum))
        made.number, made.sum = self.number + other.number, self.sum + other.sum
        made.products = self.products + other.products
        return made

    def mean(self) -> Float[np.ndarray, " pixels"]:
        """Of the patches, from mid grey."""
        return self.sum / max(1, self.number)

    def scatter(self, mean: Float[np.ndarray, " pixels"]) -> Scatter:
        """The sum of the products of what the patches differ in from `mean`."""
        crossed = np.outer(mean, self.sum)
        around: Scatter = self.products - crossed - crossed.T + self.number * np.outer(mean, mean)
        return around


def _components(scatter: Scatter) -> Float[np.ndarray, "pixels components"]:
    """Orthonormal columns, the direction of most variance first, without those of none."""
    values, vectors = np.linalg.eigh(scatter)
    kept = values > values[-1] * 1e-12
    return vectors[:, kept][:, ::-1]


def _patches(
    images: Float[Tensor, "batch 3 height width"], tile: int
) -> Float[Tensor, "batch patches pixels"]:
    height, width = images.shape[-2:]
    _check_whole(height, width, tile)
    inside = images[..., : height - height % tile, : width - width % tile]
    cut = inside.unflatten(-1, (-1, tile)).unflatten(-3, (-1, tile))  # b c rows y columns x
    patches: Tensor = cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    return patches


def _check_whole(height: int, width: int, tile: int) -> None:
    if min(height, width) < tile:
        raise UsageError(
            f"expected pictures that hold a whole patch of the model, {tile} x {tile}, got "
            f"{height} x {width}; leave content_share out of the recipe"
        )


def _picture(patches: Tensor, images: Tensor, tile: int) -> Tensor:
    batch, channels, height, width = images.shape
    rows, columns = height // tile, width // tile
    grid = patches.view(batch, rows, columns, channels, tile, tile).permute(0, 3, 1, 4, 2, 5)
    joined: Tensor = grid.reshape(batch, channels, rows * tile, columns * tile)
    return joined
