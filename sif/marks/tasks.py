"""What a mark's training optimises: the contract of the loop, and its two modes.

A task is one training: which parameters move, and the gradient of a step. Both modes keep features
where they were. Keyed: representations of the hold-out images are moved until they spell the
messages. Injected: encoder, decoder and the later blocks are trained together, with fresh random
messages for training images (the secret ones are for the hold-out images, which training never
sees). Knows nothing of files.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sif.marks.copies import Copies
from sif.marks.recipe import MarkRecipe
from sif.marks.seeded import generator_at
from sif.marks.seeing import Edit
from sif.marks.training_images import BATCH, TrainingImages, variance_of
from sif.marks.vision_model import VisionModel
from sif.watermark.activemark.coders import Decoder, Encoder, inject
from sif.watermark.activemark.losses import carriage, feature_drift, margin_error, message_error
from sif.watermark.activemark.projection import read_out


class Losses(NamedTuple):
    """What one step measured."""

    feature: float
    message: float
    wrong_bits: float


class Task(ABC):
    """One training: what moves, and the gradient of a step.

    Args:
        vision: the model, marked in place.
        training: images with their clean representations.
        recipe: of the mark.
        first: the first block that moves; all later parameters of the tower move with it.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        vision: VisionModel,
        training: TrainingImages,
        *,
        recipe: MarkRecipe,
        first: int,
        seed: int,
    ) -> None:
        self.vision = vision
        self.training = training
        self.recipe = recipe
        self.seed = seed
        self._variances = variance_of(training.tokens), training.spread**2
        self.moving = moving_parameters(vision, first)
        self.copies = (
            Copies(vision, training, recipe=recipe.copies, seed=seed) if recipe.copies else None
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
        generator = generator_at(self.seed, step, place)
        return torch.randint(len(self.training), (self.recipe.batch,), generator=generator)

    def _feature_step(self, step: int) -> float:
        chosen = self.batch(step, place=1)
        seen = self.vision.run(self.vision.prepare(self.training.images[chosen]))
        training, features = self.training, seen.features[:, None]
        clean, pooled = (
            training.tokens[chosen].to(features),
            training.features[chosen, None].to(features),
        )
        loss = feature_drift(seen.tokens, clean, variance=self._variances[0])
        loss = loss + feature_drift(features, pooled, variance=self._variances[1])
        (self.recipe.feature_weight * loss).backward()
        return float(loss.detach())


class KeyedTask(Task):
    """Moves w_j · (r_i − c) to the side that bit j of message i asks for, by a margin.

    Args:
        vision: the model, marked in place.
        training: images with their clean representations.
        holdout: at the model's extent.
        messages: one for each.
        directions: w.
        recipe: of the mark.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        vision: VisionModel,
        training: TrainingImages,
        *,
        holdout: Float[Tensor, "batch 3 height width"],
        messages: Bool[Tensor, "batch bits"],
        directions: Float[Tensor, "bits features"],
        recipe: MarkRecipe,
        seed: int,
    ) -> None:
        super().__init__(vision, training, recipe=recipe, first=recipe.from_block or 0, seed=seed)
        self._inputs = [vision.prepare(part) for part in holdout.split(BATCH)]
        self._signs = (2.0 * messages.float() - 1.0).to(vision.device)
        self.directions = directions.to(vision.device)
        self._unit = training.spread

    def groups(self) -> list[dict[str, Any]]:
        """The tower's blocks alone."""
        return [{"params": list(self.moving.values()), "lr": self.recipe.rate}]

    def message_term(self, step: int) -> tuple[Tensor, float]:
        """All hold-out images together, since their mean is the centre."""
        features = torch.cat([self.vision.run(inputs).features for inputs in self._inputs])
        margins = read_out(features, self.directions) * self._signs / self._unit
        wrong = float((margins <= 0).sum(1).float().mean())
        return margin_error(margins / self.recipe.margin), wrong


class InjectedTask(Task):
    """Lets the marked model carry messages, and other models not.

    Args:
        vision: the model, marked in place.
        training: images with their clean representations.
        encoder: trained with it.
        decoder: trained with it.
        block: whose output the encoder writes into.
        token: whose vector it replaces there.
        others: models that should not carry: the clean source, and independent ones.
        recipe: of the mark.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        vision: VisionModel,
        training: TrainingImages,
        *,
        encoder: Encoder,
        decoder: Decoder,
        block: int,
        token: int,
        others: Sequence[VisionModel],
        recipe: MarkRecipe,
        seed: int,
    ) -> None:
        super().__init__(vision, training, recipe=recipe, first=block + 1, seed=seed)
        self.encoder = encoder.to(vision.device)
        self.decoder = decoder.to(vision.device)
        self._block = block
        self._token = token
        self._others = others

    def groups(self) -> list[dict[str, Any]]:
        """The later blocks, and the coders at a rate of their own."""
        coders = [*self.encoder.parameters(), *self.decoder.parameters()]
        return [
            {"params": list(self.moving.values()), "lr": self.recipe.rate},
            {"params": coders, "lr": self.recipe.coder_rate},
        ]

    def weights(self) -> Mapping[str, Tensor]:
        """With the coders."""
        return (
            dict(super().weights())
            | {f"encoder/{name}": p for name, p in self.encoder.named_parameters()}
            | {f"decoder/{name}": p for name, p in self.decoder.named_parameters()}
        )

    def message_term(self, step: int) -> tuple[Tensor, float]:
        """What the marked model decodes wrongly, and what another carries."""
        images, messages = self._draw(step)
        logits = self._decoded(self.vision, images, messages)
        wrong = float(((logits > 0) != messages).sum(1).float().mean())
        loss = message_error(logits, messages)
        if self.recipe.carriage_weight and self._others:
            other = self._others[step % len(self._others)]
            carried = carriage(self._decoded(other, images, messages), messages)
            loss = loss + self.recipe.carriage_weight * carried
        return loss, wrong

    def _draw(self, step: int) -> tuple[Tensor, Bool[Tensor, "batch bits"]]:
        images = self.training.images[self.batch(step, place=2)]
        shape = len(images), self.recipe.bits
        drawn = torch.rand(shape, generator=generator_at(self.seed, step, 5)) < 0.5
        return images, drawn.to(self.vision.device)

    def _decoded(self, model: VisionModel, images: Tensor, messages: Tensor) -> Tensor:
        edit = injection(messages, encoder=self.encoder, token=self._token)
        seen = model.run(model.prepare(images), edits={self._block: edit})
        logits: Tensor = self.decoder(seen.features)
        return logits


def injection(messages: Bool[Tensor, "batch bits"], *, encoder: Encoder, token: int) -> Edit:
    """What replaces a block's output when messages go in."""
    return lambda hidden: inject(hidden, messages, encoder=encoder, token=token)


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
