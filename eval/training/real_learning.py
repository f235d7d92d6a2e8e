"""The loop of a real-words training: one loss for each step, and a checkpoint now and then.

What a step learns from follows from its number alone, so that a training that was killed goes on as
if never stopped. Knows nothing of what is learnt.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from sif.checkpoint import Checkpoint
from sif.eval.training.captions import Progress, descend, pace

EVERY: Final = 20
"""Steps between two checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How one stage is learnt.

    Attributes:
        stage: for its progress.
        seed: of everything random in it.
        steps: updates.
        rate: highest learning rate.
        decay: of weights.
        digest: of all else that decides it.
        file: of its checkpoint.
    """

    stage: str
    seed: int
    steps: int
    rate: float
    decay: float
    digest: str = ""
    file: Path

    def store(self) -> Checkpoint:
        """Where it is kept."""
        said = f"{self.stage}|{self.seed}|{self.steps}|{self.rate}|{self.decay}|{self.digest}"
        return Checkpoint(self.file, hashlib.sha256(said.encode()).hexdigest())


def learn(
    learning: Learning,
    weights: Mapping[str, torch.nn.Parameter],
    loss_of: Callable[[int], Tensor],
    report: Callable[[Progress], None],
) -> None:
    """Trains weights in place, or goes on with it.

    Args:
        learning: how.
        weights: that are trained, by name.
        loss_of: the loss of a step; torch's generator is seeded before.
        report: called after every step.

    Raises:
        StorageError: the checkpoint is damaged, or the disk refuses.
        UsageError: the checkpoint is of a training with other settings.
    """
    optimiser = torch.optim.AdamW(
        weights.values(), lr=learning.rate, weight_decay=learning.decay, betas=(0.9, 0.98)
    )
    store, steps = learning.store(), learning.steps
    losses = store.resume(weights, optimiser)
    for step in range(len(losses), steps):
        torch.manual_seed(1000 * learning.seed + step)
        loss = loss_of(step)
        descend(optimiser, loss, list(weights.values()), [learning.rate * pace(step, steps)])
        losses.append(loss.item())
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            store.save(losses, weights, optimiser)
        report(Progress(stage=learning.stage, step=step + 1, steps=steps, loss=losses[-1]))
