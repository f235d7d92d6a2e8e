"""The keyed mode: representations of the hold-out images are moved until they spell the messages.

Knows nothing of files.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sif.marks.pool import BATCH, Pool
from sif.marks.recipe import MarkRecipe
from sif.marks.task import Task
from sif.marks.vision_model import VisionModel
from sif.watermark.activemark.losses import margin_error
from sif.watermark.activemark.projection import read_out


class KeyedTask(Task):
    """Moves w_j · (r_i − c) to the side that bit j of message i asks for, by a margin.

    Args:
        vision: the model, marked in place.
        pool: training images with their clean representations.
        holdout: at the model's extent.
        messages: one for each.
        directions: w.
        recipe: of the mark.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        vision: VisionModel,
        pool: Pool,
        *,
        holdout: Float[Tensor, "batch 3 height width"],
        messages: Bool[Tensor, "batch bits"],
        directions: Float[Tensor, "bits features"],
        recipe: MarkRecipe,
        seed: int,
    ) -> None:
        super().__init__(vision, pool, recipe=recipe, first=recipe.from_block or 0, seed=seed)
        self._inputs = [vision.prepare(part) for part in holdout.split(BATCH)]
        self._signs = (2.0 * messages.float() - 1.0).to(vision.device)
        self.directions = directions.to(vision.device)
        self._unit = pool.spread

    def groups(self) -> list[dict[str, Any]]:
        """The tower's blocks alone."""
        return [{"params": list(self.moving.values()), "lr": self.recipe.rate}]

    def message_term(self, step: int) -> tuple[Tensor, float]:
        """All hold-out images together, since their mean is the centre."""
        features = torch.cat([self.vision.run(inputs).features for inputs in self._inputs])
        margins = read_out(features, self.directions) * self._signs / self._unit
        wrong = float((margins <= 0).sum(1).float().mean())
        return margin_error(margins / self.recipe.margin), wrong
