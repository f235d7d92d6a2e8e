"""The training loop of a mark: AdamW with warm-up and cosine decay, checkpoints, resumption.

Knows nothing of what the losses are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from sif.checkpoint import Checkpoint
from sif.marks.tasks import Losses, Task

WARM_UP = 0.05
SAVE_EVERY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the training tells its caller: steps done of `steps`, and the last one's losses."""

    done: int
    steps: int
    losses: Losses


Report = Callable[[Progress], None]


def train(task: Task, *, steps: int, checkpoint: Checkpoint | None, report: Report) -> list[float]:
    """Trains until `steps` are done, from the checkpoint where there is one.

    Args:
        task: what is trained, in place.
        steps: in all.
        checkpoint: replaced every 50 steps; none to keep nothing.
        report: called after every step.

    Returns:
        The message loss of every step.

    Raises:
        StorageError: the checkpoint cannot be written, or is damaged.
        UsageError: the checkpoint is of another training.
    """
    optimiser = torch.optim.AdamW(task.groups(), weight_decay=0.0)
    rates = [float(group["lr"]) for group in optimiser.param_groups]
    losses = checkpoint.resume(task.weights(), optimiser) if checkpoint else []
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        for step in range(len(losses), steps):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * _schedule(step, steps)
            optimiser.zero_grad()
            measured = task.step(step)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            losses.append(measured.message)
            if checkpoint and len(losses) % SAVE_EVERY == 0 and len(losses) < steps:
                checkpoint.save(losses, task.weights(), optimiser)
            report(Progress(done=step + 1, steps=steps, losses=measured))
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
            parameter.grad = None
    return losses


def _schedule(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / max(1.0, WARM_UP * steps))
    return warm * 0.5 * (1.0 + math.cos(math.pi * step / steps))
