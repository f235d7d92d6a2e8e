"""A detector that was taught: a small network, on triggers that the thief made with his own keys.

White-box knowledge of the method, none of the owner's keys. It sees what a picture has beyond its
3 by 3 means, so that it judges the fine pattern and not the scene.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from sif.attacks.adaptive.detector import Detector
from sif.errors import UsageError
from sif.vlm.pixels import to_tensor

WIDTH: Final = 16
BATCH: Final = 32
RATE: Final = 3e-3
SCALE: Final = 16.0


class Classifier(Detector):
    """The logit that a picture is a trigger.

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
