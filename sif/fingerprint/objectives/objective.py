"""The contract between the optimisation loop and an objective, and the batch that both work on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from sif.errors import UsageError
from sif.vlm.model import Vlm

Answers = Sequence[Sequence[int]]
"""Token ids, one sequence for each trigger of a batch."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What to aim at for a number of steps.

    Args:
        answers: one for each trigger.
        teacher: log-probabilities of the next token along the answers that the objective holds
            the student to: those of the watermarked teacher, or of the model looking at the base
            images; none where it needs none.
    """

    answers: Answers
    teacher: Float[Tensor, "batch positions vocab"] | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Triggers that are made together.

    Args:
        base: the base images, at 8-bit values in [0, 1].
        prompts: plain words, one for each trigger.
        green: green mask of each trigger's key, over the tokenizer's vocabulary.
        seeds: one for each trigger; all randomness of a trigger comes from its own.
        target_answers: plain words that each trigger is to be answered with, for the objectives
            that want them.

    Raises:
        UsageError: the number of wanted answers is not that of the triggers.
    """

    base: Float[Tensor, "batch 3 height width"]
    prompts: tuple[str, ...]
    green: Bool[Tensor, "batch vocab"]
    seeds: tuple[int, ...]
    target_answers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.target_answers is not None and len(self.target_answers) != len(self):
            raise UsageError(
                f"expected a wanted answer for each of {len(self)} triggers, got "
                f"{len(self.target_answers)}"
            )

    def __len__(self) -> int:
        return len(self.prompts)


@runtime_checkable
class Objective(Protocol):
    """A loss on images; small where the model says what it should."""

    def targets(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        step: int,
        current: Targets | None,
    ) -> Targets:
        """What to aim at in this step: `current` where nothing new is due."""
        ...

    def loss(
        self,
        vlm: Vlm,
        batch: Batch,
        images: Float[Tensor, "batch 3 height width"],
        targets: Targets,
    ) -> Float[Tensor, " batch"]:
        """Loss of every image, with the gradient to it."""
        ...
