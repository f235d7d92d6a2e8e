"""Trains a mini vision model from scratch on scenes, crops of real photographs, and scribbles.

Knows nothing of files or of the catalogue.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, ImageOps
from torch import Tensor

from sif.eval.training.captions import Progress, descend, pace
from sif.eval.training.photographs import crops, scribble
from sif.eval.training.vision_objective import Heads, hide, loss_of
from sif.mini.render import Painter, labels
from sif.mini.schedule import VisionSchedule
from sif.mini.vision.architecture import (
    HIDDEN,
    SIDE,
    Kind,
    build_image_processor,
    build_vision,
    start_places,
)
from sif.mini.world import sample_scene
from sif.vlm.pixels import to_tensor

PAINTED: Final = 72


def train_vision(
    kind: Kind,
    *,
    world: int,
    seed: int,
    schedule: VisionSchedule,
    report: Callable[[Progress], None],
) -> Any:
    """Trains a model; returns it in evaluation mode.

    Args:
        kind: the architecture.
        world: seed of the scenes' textures.
        seed: of the initial weights and of everything that is drawn.
        schedule: steps and rates.
        report: called after every step.
    """
    model = build_vision(kind, seed=seed).train()
    start_places(model)
    rng = np.random.default_rng([seed, world, 8])
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        heads = Heads(HIDDEN)
    parameters = [*model.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=schedule.rate, betas=(0.9, 0.98), weight_decay=0.02
    )
    for step in range(schedule.steps):
        images, facts = draw(world, schedule.batch, rng)
        seen = normalised(kind, hide(images, schedule.hidden, generator))
        states = model(pixel_values=seen).last_hidden_state
        loss = loss_of(states, heads, images, facts)
        descend(optimiser, loss, parameters, [schedule.rate * pace(step, schedule.steps)])
        report(Progress(stage="vision", step=step + 1, steps=schedule.steps, loss=loss.item()))
    return model.eval()


def draw(
    world: int, number: int, rng: np.random.Generator
) -> tuple[Float[Tensor, "batch 3 height width"], Int[Tensor, "scenes cells 2"]]:
    """Scenes, then photographs and scribbles; with shape and colour in the scenes' cells."""
    scenes = [sample_scene(rng) for _ in range(number // 2)]
    painter = Painter(seed=world, side=PAINTED, period=PAINTED // 6)
    painted = [scaled(painter.image(scene)) for scene in scenes]
    lines = [scribble(SIDE, rng) for _ in range(number // 6)]
    rest = number - len(scenes) - len(lines)
    shown = [_varied(crop, rng) for crop in crops("seen", number=rest, side=SIDE, rng=rng)]
    facts = np.stack([labels(scene)[:, :2] for scene in scenes])
    return to_tensor([*painted, *shown, *lines]), torch.from_numpy(facts)


def scaled(image: Image.Image) -> Image.Image:
    """A picture at the models' size."""
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def normalised(
    kind: Kind, images: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, "batch 3 height width"]:
    """Pictures of the models' size as the image processor would hand them on."""
    processor = build_image_processor(kind)
    mean, spread = (
        torch.tensor(values).view(3, 1, 1) for values in (processor.image_mean, processor.image_std)
    )
    return (images - mean) / spread


def _varied(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Without colours, or as a negative, now and then."""
    if rng.random() < 0.2:
        image = ImageOps.grayscale(image).convert("RGB")
    return ImageOps.invert(image) if rng.random() < 0.2 else image
