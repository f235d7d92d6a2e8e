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
"""Between the two batches that a straight line is drawn through."""
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
    """The largest batch whose step stays within `room`.

    Guessed on a straight line, beyond which it takes more or less, and then counted.

    Args:
        room: bytes.
        peak: bytes of a step on so many triggers; more for more of them.
    """
    one, more = peak(1), peak(1 + APART)
    if one > room:
        return Largest(0, one)
    each = max(1, (more - one) // APART)
    batch = max(1, 1 + APART + (room - more) // each)
    found = peak(batch)
    while found > room and batch > 1:
        batch = min(batch - 1, max(1, batch - (found - room) // each))
        found = peak(batch)
    return Largest(batch, found)
