"""Detectors of triggers: a score for every picture, without key and model. Knows no thresholds."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from sif.errors import UsageError
from sif.fingerprint.content import ContentSpace, learn_content, patches_of
from sif.vlm.pixels import to_tensor

SHARE: Final = 0.99
WIDTH: Final = 16
BATCH: Final = 32
RATE: Final = 3e-3
SCALE: Final = 16.0


class Detector(ABC):
    """Scores pictures without key and model; a threshold comes from benign pictures' scores.

    Attributes:
        name: in tables and in the names of suspects.
    """

    name: ClassVar[str]

    @abstractmethod
    def scores(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, " pictures"]:
        """One number for each picture, in their order; higher is more like a trigger."""


class Residual(Detector):
    """Median, in 1/255, of how far values lie from the mean of their 3 by 3 neighbourhood.

    It learns nothing. Edges are few, so the median passes over them; a perturbation is everywhere.
    """

    name: ClassVar[str] = "residual"

    def scores(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, " pictures"]:
        """Of pictures of any extent."""
        return np.array([_roughness(picture) for picture in pictures])


def _roughness(picture: Image.Image) -> float:
    from scipy.ndimage import uniform_filter

    pixels = np.asarray(picture.convert("RGB"), np.float64)
    return float(np.median(np.abs(pixels - uniform_filter(pixels, (3, 3, 1)))))


@dataclass(frozen=True, slots=True, eq=False)
class OffContent(Detector):
    """Root mean square, in 1/255, of what lies outside the content of every patch.

    The thief learns from his own benign pictures what ordinary patches hold, as the owner did
    (`sif.fingerprint.content`). Triggers that keep out of it put all their change where it is
    looked for.

    Args:
        content: of the thief's own pictures.
    """

    content: ContentSpace
    name: ClassVar[str] = "off-content"

    @classmethod
    def fit(
        cls, pictures: Sequence[Image.Image], *, tile: int, share: float = SHARE
    ) -> "OffContent":
        """Learns from benign pictures.

        Args:
            pictures: of one kind with those that will be scored.
            tile: side of a patch; the stolen model's folder says it.
            share: of the variance that counts as content.

        Raises:
            UsageError: too few pictures, or one that is smaller than a patch.
        """
        whole = (_whole_patches(picture, tile) for picture in pictures)
        return cls(learn_content(whole, tile=tile, share=share))

    def scores(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, " pictures"]:
        """Of pictures of any extents; what hangs over the last whole patches is cut off.

        Raises:
            UsageError: a picture smaller than a patch.
        """
        return np.array([self._score(picture) for picture in pictures])

    def _score(self, picture: Image.Image) -> float:
        total, number = 0.0, 0
        for patches in patches_of(_whole_patches(picture, self.content.tile), self.content.tile):
            left = self.content.left_of(patches)
            total += float(left.square().sum(dtype=torch.float64))
            number += left.numel()
        return 255 * math.sqrt(total / number)


def _whole_patches(picture: Image.Image, tile: int) -> Image.Image:
    width, height = (side - side % tile for side in picture.size)
    if not width or not height:
        raise UsageError(
            f"expected pictures of at least {tile} pixels a side, one patch, got "
            f"{picture.width} x {picture.height}"
        )
    return picture.crop((0, 0, width, height))


class Classifier(Detector):
    """The logit that a picture is a trigger, by a small network.

    It was taught with triggers that the thief made with his own keys: white-box knowledge of the
    method, none of the owner's keys. It sees what a picture has beyond its 3 by 3 means, so that it
    judges the fine pattern and not the scene.

    Args:
        network: from fine detail to one logit.
    """

    name: ClassVar[str] = "classifier"

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def scores(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, " pictures"]:
        """Of pictures of any extents."""
        with torch.inference_mode():
            logits = [self._network(_detail(to_tensor([one]))).item() for one in pictures]
        return np.array(logits, np.float64)


def train_classifier(
    benign: Sequence[Image.Image],
    triggers: Sequence[Image.Image],
    *,
    steps: int = 300,
    seed: int = 0,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> Classifier:
    """Teaches a network to tell triggers from benign pictures, half and half in every batch.

    Args:
        benign: pictures of one extent, in as many kinds as the network is to let pass.
        triggers: of the same extent, made with the thief's own keys.
        steps: updates.
        seed: of weights and order.
        report: called after every update.

    Raises:
        UsageError: none of one kind.
    """
    if not benign or not triggers:
        raise UsageError(
            f"expected benign pictures and triggers, got {len(benign)} and {len(triggers)}"
        )
    both = [_detail(to_tensor(some)) for some in (benign, triggers)]
    rng = np.random.default_rng([seed, 8])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network()
        optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
        truth = torch.tensor([0.0, 1.0]).repeat_interleave(BATCH // 2)
        for step in range(steps):
            some = [kind[rng.integers(len(kind), size=BATCH // 2)] for kind in both]
            loss = F.binary_cross_entropy_with_logits(network(_turned(torch.cat(some), rng)), truth)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            report(step + 1, steps, loss.item())
    return Classifier(network.eval())


def _network() -> nn.Module:
    sizes = (3, WIDTH, 2 * WIDTH)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, _Mean(), nn.Linear(sizes[-1], 1), nn.Flatten(0))


class _Mean(nn.Module):
    def forward(self, places: Tensor) -> Tensor:
        return places.mean((2, 3))


def _turned(details: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirrored at random: the pattern is not where the objects are."""
    return details.flip(-1) if rng.random() < 0.5 else details


def _detail(images: Float[Tensor, "batch 3 height width"]) -> Tensor:
    """What is beyond the 3 by 3 means, in units of 16/255."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return (images - F.avg_pool2d(padded, 3, stride=1)) * (255 / SCALE)
