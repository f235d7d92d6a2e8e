"""The largest batch that fits into the memory there is, counted on shapes.

Knows nothing of time.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch

from sif.eval.memory.counter import MemoryCounter
from sif.eval.memory.counting import Counted, count_step
from sif.eval.step.models import Plan
from sif.fingerprint.recipe import Recipe

APART: Final = 8
"""Between the first two batches that are counted."""
MOST: Final = 64
"""A batch beyond which nobody asks whether more would fit."""
META: Final = torch.device("meta")


class Largest(NamedTuple):
    """Triggers at once, and the bytes of their step, model included; of one where none fits."""

    batch: int
    peak: int


def counted(
    plan: Plan, recipe: Recipe, *, dtype: torch.dtype, batch: int, checkpointing: bool
) -> Counted:
    """The bytes of a step that wears weights with noise, which takes most."""
    counter = MemoryCounter(values=False)
    vlm = plan.build(dtype=dtype, device=META)
    counter.empty(vlm.model)
    counter.hold(vlm.model)
    return count_step(
        vlm,
        recipe,
        counter,
        picture=plan.picture,
        batch=batch,
        checkpointing=checkpointing,
        step=1,
    )


def largest(room: int, peak: Callable[[int], int]) -> Largest:
    """The largest batch, of `MOST` at most, whose step stays within `room`.

    Sought along straight lines, as a step nearly is one; every answer is counted.

    Args:
        room: bytes.
        peak: bytes of a step on so many triggers; more for more of them.
    """
    one = found = peak(1)
    if one > room:
        return Largest(0, one)
    low, high, batch = 1, MOST + 1, min(MOST, 1 + APART)
    while high - low > 1:
        size = peak(batch)
        if size <= room:
            low, found = batch, size
        else:
            high = batch
        each = max(1, (size - one) // (batch - 1))
        batch = min(max(1 + (room - one) // each, low + 1), high - 1)
    return Largest(low, found)
