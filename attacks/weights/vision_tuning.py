"""Fine-tuning of a vision model on labelled pictures, all layers and a new head with AdamW.

What a buyer of a foundation model does: classification reads the representation, segmentation reads
the patches. Knows nothing of files.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sif.attacks.weights.attack import Progress, Report, ignore
from sif.attacks.weights.labelled import Labelled
from sif.attacks.weights.schedule import Training, learning_rate, number_of_steps, order_of_examples
from sif.errors import ModelError, UsageError
from sif.marks.vision_model import VisionModel
from sif.vlm.pixels import to_tensor

Images = Float[Tensor, "batch 3 height width"]
HEAD_FACTOR = 10.0
BATCH = 64


class ClassHead(nn.Module):
    """A linear classifier on the representation.

    Args:
        features: width of the representation.
        classes: number of labels.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)

    def forward(self, vision: VisionModel, images: Images) -> Float[Tensor, "batch classes"]:
        """Logits of images at the model's extent."""
        logits: Tensor = self.linear(vision.features(images))
        return logits


class FieldHead(nn.Module):
    """A linear classifier on each patch, for every field of a grid over the picture.

    Args:
        features: width of a patch's representation.
        classes: number of labels.
        side: patches in a row.
        grid: fields in a row, a multiple of `side`.

    Raises:
        UsageError: it is none.
    """

    def __init__(self, features: int, classes: int, *, side: int, grid: int) -> None:
        super().__init__()
        if grid % side:
            raise UsageError(f"expected labels in a multiple of {side} fields a row, got {grid}")
        self.fine = grid // side
        self.linear = nn.Linear(features, classes * self.fine**2)

    def forward(self, vision: VisionModel, images: Images) -> Float[Tensor, "batch classes ..."]:
        """Logits of every field of images at the model's extent."""
        said = self.linear(vision.patches(images)).transpose(1, 2)
        side = math.isqrt(said.shape[-1])
        return F.pixel_shuffle(said.unflatten(-1, (side, side)), self.fine)


Head = ClassHead | FieldHead


def new_head(vision: VisionModel, labels: Int[Tensor, "images ..."], classes: int) -> Head:
    """The head that labels of this shape need, freshly initialised.

    Raises:
        UsageError: the labels' grid does not fit the model's patches.
    """
    blank = torch.zeros(1, 3, *vision.extent)
    with torch.no_grad():
        if labels.dim() == 1:
            return ClassHead(vision.features(blank).shape[-1], classes)
        patches = vision.patches(blank)
    side = math.isqrt(patches.shape[1])
    return FieldHead(patches.shape[-1], classes, side=side, grid=labels.shape[-1])


def tune_vision(
    vision: VisionModel,
    examples: Labelled,
    settings: Training,
    *,
    classes: int,
    report: Report = ignore,
) -> Head:
    """Tunes all layers in place, together with a new head that learns ten times as fast.

    Args:
        vision: in float32; frozen again afterwards.
        examples: what to learn.
        settings: steps, rate and its course, batch size, weight decay, clipping, seed.
        classes: number of labels.
        report: called after every update.

    Raises:
        UsageError: no examples, or a grid of labels that does not fit the model's patches.
        ModelError: the loss is no longer finite.
    """
    if not len(examples):
        raise UsageError("expected at least one labelled picture to tune on, got none")
    images = to_tensor(vision.pictures(examples.images))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        head = new_head(vision, examples.labels, classes).to(vision.device)
        loss_of = _supervised(vision, head, images, examples.labels)
        descend(vision, head, loss_of, len(images), settings, report=report)
    return head.eval().requires_grad_(False)


def _supervised(
    vision: VisionModel, head: Head, images: Tensor, labels: Tensor
) -> Callable[[list[int]], Tensor]:
    def loss(chosen: list[int]) -> Tensor:
        logits = head(vision, images[chosen].to(vision.device))
        return F.cross_entropy(logits, labels[chosen].to(vision.device))

    return loss


def descend(
    vision: VisionModel,
    head: nn.Module | None,
    loss_of: Callable[[list[int]], Tensor],
    examples: int,
    settings: Training,
    *,
    report: Report,
) -> None:
    """Minimises a loss of examples by number over the model and, ten times as fast, its head.

    Raises:
        ModelError: the loss is no longer finite.
    """
    steps = number_of_steps(settings, examples)
    order = order_of_examples(settings, examples, steps)
    vision.module.requires_grad_(True).train()
    own: list[Any] = list(vision.module.parameters())
    added: list[Any] = [] if head is None else list(head.parameters())
    optimiser = torch.optim.AdamW(
        [{"params": own}, {"params": added}] if added else [{"params": own}],
        weight_decay=settings.weight_decay,
    )
    for step in range(steps):
        rate = learning_rate(settings, step, steps)
        for group, factor in zip(optimiser.param_groups, (1.0, HEAD_FACTOR), strict=False):
            group["lr"] = factor * rate
        loss = loss_of(order[step * settings.batch_size : (step + 1) * settings.batch_size])
        if not loss.isfinite():
            raise ModelError(f"expected a finite loss, got {loss.item()}; lower the learning rate")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*own, *added], settings.clip)
        optimiser.step()
        report(Progress(stage="tune", step=step + 1, steps=steps, loss=loss.item()))
    vision.module.requires_grad_(False).eval()


@torch.no_grad()
def predictions(vision: VisionModel, head: Head, examples: Labelled) -> Int[Tensor, "images ..."]:
    """The likeliest label of each picture, or of each of its fields."""
    images = to_tensor(vision.pictures(examples.images))
    parts = [head(vision, part.to(vision.device)).argmax(1) for part in images.split(BATCH)]
    return torch.cat(parts).cpu()
