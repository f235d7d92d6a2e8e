"""How a fine-tuning runs: its settings, the learning rate at each step, the order of the examples.

All pure functions of settings and step, so that a resumed training goes on as if never stopped.
Knows no models.
"""

import math
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sif.errors import UsageError

LORA_RATE, FULL_RATE = 2e-4, 2e-5
MOST_SHOWN: Final = 20_000_000
"""Examples in all passes of a training."""


class LowRank(BaseModel):
    """A LoRA adapter: its rank, its scale (`alpha / rank`), its dropout and its place.

    Attributes:
        layers: ends of the names of the linear layers that it stands beside, such as q_proj;
            nothing for all of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    layers: tuple[str, ...] = ()


class Training(BaseModel):
    """Settings of a fine-tuning.

    Attributes:
        lora: adapter to train and merge; None trains the weights themselves.
        scope: "language" tunes the language model only, "all" the vision part too.
        epochs: passes over the data, where `steps` is None.
        steps: number of updates.
        learning_rate: peak; None for 2e-4 with LoRA, 2e-5 without.
        pace: course of the learning rate after the warm-up.
        warm_up: share of the steps in which the rate rises from 0.
        batch_size: examples that are computed together.
        accumulate: batches that make up one update.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        precision: "bf16" computes in mixed precision, "float32" does not; "auto" is the former on a
            GPU.
        seed: of the adapter's initial weights, the order of the examples, and dropout.
        checkpoint_every: updates between two checkpoints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lora: LowRank | None = None
    scope: Literal["language", "all"] = "language"
    epochs: float = Field(default=1.0, gt=0)
    steps: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    pace: Literal["constant", "linear", "cosine"] = "cosine"
    warm_up: float = Field(default=0.03, ge=0, lt=1)
    batch_size: int = Field(default=8, ge=1)
    accumulate: int = Field(default=1, ge=1)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    precision: Literal["auto", "float32", "bf16"] = "auto"
    seed: int = Field(default=0, ge=0)
    checkpoint_every: int = Field(default=100, ge=1)


def number_of_steps(settings: Training, examples: int) -> int:
    """Updates in the whole training.

    Raises:
        UsageError: they would show more examples than any training does.
    """
    update = settings.batch_size * settings.accumulate
    shown = settings.epochs * examples if settings.steps is None else settings.steps * update
    if max(shown, update) > MOST_SHOWN:
        raise UsageError(
            f"expected a training that shows at most {MOST_SHOWN:,} examples in all its passes, "
            f"got {max(shown, update):.3g}; take fewer steps or epochs, or smaller batches"
        )
    return settings.steps or max(1, math.ceil(shown / update))


def learning_rate(settings: Training, step: int, steps: int) -> float:
    """The rate of update `step` (from 0) out of `steps`."""
    peak = settings.learning_rate or (LORA_RATE if settings.lora else FULL_RATE)
    warm = math.ceil(settings.warm_up * steps)
    if step < warm:
        return peak * (step + 1) / (warm + 1)
    done = (step - warm) / max(1, steps - warm)
    match settings.pace:
        case "constant":
            return peak
        case "linear":
            return peak * (1 - done)
        case "cosine":
            return peak * (1 + math.cos(math.pi * done)) / 2


def order_of_examples(settings: Training, examples: int, steps: int) -> list[int]:
    """Indices of all examples in the order of learning: one shuffled pass after the other."""
    needed = steps * settings.batch_size * settings.accumulate
    passes = [
        np.random.default_rng([settings.seed, epoch]).permutation(examples)
        for epoch in range(math.ceil(needed / examples))
    ]
    return [int(index) for index in np.concatenate(passes)[:needed]]
