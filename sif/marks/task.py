"""What both modes train: the contract of the loop, and what they share. Knows no mode."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sif.marks.chance import generator
from sif.marks.copies import Copies
from sif.marks.pool import Pool, variance_of
from sif.marks.recipe import MarkRecipe
from sif.marks.vision_model import VisionModel
from sif.watermark.activemark.losses import feature_drift


class Losses(NamedTuple):
    """What one step measured."""

    feature: float
    message: float
    wrong_bits: float


class Task(ABC):
    """One training: what moves, and the gradient of a step.

    Args:
        vision: the model, marked in place.
        pool: training images with their clean representations.
        recipe: of the mark.
        first: the first block that moves; all later parameters of the tower move with it.
        seed: of everything that is drawn.
    """

    def __init__(
        self, vision: VisionModel, pool: Pool, *, recipe: MarkRecipe, first: int, seed: int
    ) -> None:
        self.vision = vision
        self.pool = pool
        self.recipe = recipe
        self.seed = seed
        self._variances = variance_of(pool.tokens), pool.spread**2
        self.moving = moving_parameters(vision, first)
        self.copies = (
            Copies(vision, pool, recipe=recipe.copies, seed=seed) if recipe.copies else None
        )

    @abstractmethod
    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimiser, with a rate each."""

    @abstractmethod
    def message_term(self, step: int) -> tuple[Tensor, float]:
        """The weighted message term with its gradient, and the wrong bits of an image."""

    def weights(self) -> Mapping[str, Tensor]:
        """Everything that a checkpoint holds."""
        kept: dict[str, Tensor] = dict(self.moving)
        return kept | (dict(self.copies.state()) if self.copies else {})

    def step(self, step: int) -> Losses:
        """Adds the gradient of one step to the moving parameters."""
        if self.copies:
            self.copies.prepare(step)
        feature = self._feature_step(step)
        with self.copies.at(step) if self.copies else nullcontext():
            message, wrong = self.message_term(step)
            (self.recipe.message_weight * message).backward()
        return Losses(feature, float(message.detach()), wrong)

    def batch(self, step: int, *, place: int) -> Tensor:
        """Indices of training images."""
        chance = generator(self.seed, step, place)
        return torch.randint(len(self.pool.images), (self.recipe.batch,), generator=chance)

    def _feature_step(self, step: int) -> float:
        chosen = self.batch(step, place=1)
        seen = self.vision.run(self.vision.prepare(self.pool.images[chosen]))
        pool, features = self.pool, seen.features[:, None]
        clean, pooled = pool.tokens[chosen].to(features), pool.features[chosen, None].to(features)
        loss = feature_drift(seen.tokens, clean, variance=self._variances[0])
        loss = loss + feature_drift(features, pooled, variance=self._variances[1])
        (self.recipe.feature_weight * loss).backward()
        return float(loss.detach())


def moving_parameters(vision: VisionModel, first: int) -> dict[str, nn.Parameter]:
    """The parameters of the blocks from `first` on, and of what comes behind them, by name.

    What comes behind is what a gradient from the representation reaches: the last norm, a merger.
    """
    inside = {id(p) for block in vision.blocks[first:] for p in block.parameters()}
    blocks = {
        id(p)
        for part in vision.module.modules()
        if isinstance(part, nn.ModuleList)
        for p in part.parameters()
    }
    reached = _reached(vision)
    return {
        name: parameter
        for name, parameter in vision.module.named_parameters()
        if id(parameter) in inside or (id(parameter) not in blocks and name in reached)
    }


def _reached(vision: VisionModel) -> set[str]:
    """Parameters behind the last block that the representation depends on."""
    height, width = vision.extent
    image = torch.full((1, 3, height, width), 0.5)
    named = dict(vision.module.named_parameters())
    cut: list[Tensor] = []

    def leaf(hidden: Tensor) -> Tensor:
        cut.append(hidden.detach())
        return cut[-1]

    before = {name: p.requires_grad for name, p in named.items()}
    vision.module.requires_grad_(True)
    try:
        seen = vision.run(vision.prepare(image), edits={len(vision.blocks) - 1: leaf})
        if not seen.features.requires_grad:
            return set()
        slopes = torch.autograd.grad(seen.features.sum(), list(named.values()), allow_unused=True)
    finally:
        for name, parameter in named.items():
            parameter.requires_grad_(before[name])
    return {name for name, slope in zip(named, slopes, strict=True) if slope is not None}
