"""Trains the learned purifier on ordinary pictures with noise of random strength.

Half of the noise is Gaussian. A thief who knows the method adds noise such as triggers may carry:
bounded, and kept out of the principal components of his own ordinary patches. No trigger and no
model is needed. Knows nothing of files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, lcm
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sif.attacks.images.denoiser import Denoiser
from sif.errors import UsageError
from sif.fingerprint.content import ContentSpace, learn_content
from sif.fingerprint.optimize import PROJECTIONS
from sif.mini.catalogue import MODELS
from sif.mini.data import samples
from sif.vlm.pixels import to_tensor

Noise = Literal["informed", "gaussian"]
Images = Float[Tensor, "batch 3 height width"]

TILES: Final = (12, 24)
SMALLEST: Final = 48
PICTURES: Final = 1200
DATA_SEED: Final = 401
STRONGEST: Final = 30.0
BOUNDS: Final = (3.0, 20.0)
SHARE: Final = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class PurifierTraining:
    """Settings of a training.

    Attributes:
        noise: informed of the method, or Gaussian noise only.
        steps: updates.
        batch: pictures in each.
        rate: peak of Adam's learning rate, which falls to nothing along a cosine.
        tiles: sides of the patches whose ordinary content bounded noise keeps out of; one is drawn
            for every update.
        seed: of weights, noise and order.
    """

    noise: Noise = "informed"
    steps: int = 1500
    batch: int = 8
    rate: float = 2e-3
    tiles: tuple[int, ...] = TILES
    seed: int = 0


def mini_world_pictures(*, number: int = PICTURES, seed: int = DATA_SEED) -> list[Image.Image]:
    """Pictures such as the sources of both families were trained for."""
    worlds = [model.world for model in MODELS if model.role == "source"]
    return [s.image for w in worlds for s in samples(w, number=number // len(worlds), seed=seed)]


def train_purifier(
    pictures: Sequence[Image.Image],
    settings: PurifierTraining,
    *,
    report: Callable[[int, int, float], None],
) -> Denoiser:
    """Trains a denoiser; with one thread the same settings give the same weights.

    Args:
        pictures: ordinary ones; of each a square of whole patches, 48 pixels or a little more, is
            seen, another one every time.
        settings: how.
        report: called after every update with its number, all updates, and the loss.

    Raises:
        UsageError: too few pictures, or pictures that are too small.
    """
    grid = lcm(*settings.tiles)
    side = grid * ceil(SMALLEST / grid)
    if not pictures or min(min(picture.size) for picture in pictures) < side:
        raise UsageError(
            f"expected pictures of at least {side} pixels a side to train a purifier on, got "
            f"{len(pictures)}{', one of them smaller' if pictures else ''}"
        )
    rng = np.random.default_rng([settings.seed, 7])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        squares = _Squares(pictures, side, grid, rng)
        noises = _noises(squares, settings)
        denoiser = Denoiser()
        optimiser = torch.optim.Adam(denoiser.parameters(), lr=settings.rate)
        pace = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
        for step in range(settings.steps):
            clean = squares.some(settings.batch)
            noise = noises[step % len(noises)](clean)
            level = noise.square().mean((1, 2, 3)).sqrt()
            loss = F.l1_loss(denoiser((clean + noise).clamp(0, 1), level), clean)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            pace.step()
            report(step + 1, settings.steps, loss.item())
    return denoiser.eval()


def gaussian(clean: Images) -> Images:
    """Gaussian noise, of another strength for every picture, up to 30/255."""
    strength = STRONGEST / 255 * torch.rand(len(clean), 1, 1, 1)
    return strength * torch.randn_like(clean)


def out_of_content(clean: Images, content: ContentSpace) -> Images:
    """Bounded noise of random signs, less what ordinary patches hold; white, or smoother."""
    low, high = BOUNDS
    bound = (low + (high - low) * torch.rand(len(clean), 1, 1, 1)) / 255
    white = torch.randn_like(clean)
    smooth = F.avg_pool2d(white, 3, stride=1, padding=1)
    mixed = torch.lerp(white, 3 * smooth, torch.rand(len(clean), 1, 1, 1))
    noise = mixed.sign()
    for _ in range(PROJECTIONS):
        noise = content.removed_from(noise).clamp(-1, 1)
    return bound * noise


@dataclass(frozen=True, eq=False)
class _Squares:
    """Squares of pictures, cut where patches begin."""

    pictures: Sequence[Image.Image]
    side: int
    grid: int
    rng: np.random.Generator

    def some(self, number: int) -> Images:
        """Of pictures drawn at random."""
        chosen = self.rng.integers(len(self.pictures), size=number)
        return to_tensor([self.of(self.pictures[int(index)]) for index in chosen])

    def of(self, picture: Image.Image) -> Image.Image:
        """One of a picture, drawn at random."""
        left, top = (
            self.grid * int(self.rng.integers((extent - self.side) // self.grid + 1))
            for extent in picture.size
        )
        return picture.crop((left, top, left + self.side, top + self.side))


def _noises(squares: _Squares, settings: PurifierTraining) -> list[Callable[[Images], Images]]:
    """What is drawn from in turn."""
    if settings.noise == "gaussian":
        return [gaussian]
    some = [squares.of(picture) for picture in squares.pictures]
    noises: list[Callable[[Images], Images]] = []
    for tile in settings.tiles:
        content = learn_content(some, tile=tile, share=SHARE)
        noises += [gaussian, partial(out_of_content, content=content)]
    return noises
