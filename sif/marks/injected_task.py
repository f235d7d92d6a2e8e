"""The injected mode: encoder, decoder and the later blocks are trained together.

Each step draws fresh random messages for training images (the secret ones are for the hold-out
images, which training never sees). Knows nothing of files.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from sif.marks.chance import generator
from sif.marks.pool import Pool
from sif.marks.recipe import MarkRecipe
from sif.marks.task import Task
from sif.marks.vision_model import Edit, VisionModel
from sif.watermark.activemark.coders import Decoder, Encoder, inject
from sif.watermark.activemark.losses import carriage, message_error


class InjectedTask(Task):
    """Lets the marked model carry messages, and other models not.

    Args:
        vision: the model, marked in place.
        pool: training images with their clean representations.
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
        pool: Pool,
        *,
        encoder: Encoder,
        decoder: Decoder,
        block: int,
        token: int,
        others: Sequence[VisionModel],
        recipe: MarkRecipe,
        seed: int,
    ) -> None:
        super().__init__(vision, pool, recipe=recipe, first=block + 1, seed=seed)
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
        images = self.pool.images[self.batch(step, place=2)]
        shape = len(images), self.recipe.bits
        drawn = torch.rand(shape, generator=generator(self.seed, step, 5)) < 0.5
        return images, drawn.to(self.vision.device)

    def _decoded(self, model: VisionModel, images: Tensor, messages: Tensor) -> Tensor:
        edit = injection(messages, encoder=self.encoder, token=self._token)
        seen = model.run(model.prepare(images), edits={self._block: edit})
        logits: Tensor = self.decoder(seen.features)
        return logits


def injection(messages: Bool[Tensor, "batch bits"], *, encoder: Encoder, token: int) -> Edit:
    """What replaces a block's output when messages go in."""
    return lambda hidden: inject(hidden, messages, encoder=encoder, token=token)
