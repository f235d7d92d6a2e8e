"""The contract between the optimisation loop and an objective, and what objectives have in common.

The batch that both work on; answers to follow, and how far the model is from them. Knows nothing of
budgets, robustness, keys or single objectives.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from sif.errors import UsageError
from sif.types import GenerationSettings
from sif.vlm.answer_parts import Part, visit_parts
from sif.vlm.decoding import LogitsHook
from sif.vlm.model import Vlm
from sif.vlm.out_of_memory import in_halves
from sif.watermark.greenlist.bias import bias_logits

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
        shared_seed: of what the triggers share, such as changes of the weights; the first
            trigger's where None.
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
    shared_seed: int | None = None

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


def teacher(green: Bool[Tensor, "batch vocab"], delta: float) -> LogitsHook:
    """The model with the watermark's bias δ on green logits, as a hook on next-token logits."""

    def hook(_ids: Tensor, logits: Tensor) -> Tensor:
        return bias_logits(logits, green.to(logits.device), delta)

    return hook


def taught(
    vlm: Vlm,
    batch: Batch,
    images: Float[Tensor, "batch 3 height width"],
    *,
    delta: float,
    longest: int,
) -> list[list[int]]:
    """The teacher's answers (q_t(v) ∝ exp(z_t(v) + δ·1[v ∈ G_t])), decoded greedily.

    Args:
        vlm: the teacher without its bias.
        batch: prompts and green lists.
        images: what it looks at.
        delta: δ.
        longest: tokens of an answer at most.
    """
    settings = GenerationSettings(max_new_tokens=longest)

    def answered(some: Sequence[int]) -> list[list[int]]:
        part = slice(some[0], some[-1] + 1)
        hook = teacher(batch.green[part], delta)
        return vlm.generate(images[part], batch.prompts[part], settings, hook)

    return in_halves(answered, range(len(batch)), what="answers to follow")


@torch.no_grad()
def base_teacher(
    vlm: Vlm,
    batch: Batch,
    answers: Answers,
    change: Callable[[Tensor], Tensor] = lambda logits: logits,
) -> Float[Tensor, "batch positions vocab"]:
    """Log-probabilities along the answers, of the model as it is looking at the base images.

    Args:
        vlm: the model.
        batch: base images and prompts.
        answers: one for each trigger.
        change: of the logits, before they become probabilities.
    """
    table: list[Tensor] = []

    def keep(part: Part) -> None:
        chances = change(part.logits).log_softmax(-1)
        if chances.shape[1] == part.ids.shape[1]:
            table.append(chances)
            return
        if not table:
            table.append(chances.new_empty(*part.ids.shape, chances.shape[-1]))
        table[0][:, part.where] = chances

    visit_parts(vlm, batch.base, batch.prompts, answers, keep)
    return table[0]


def answer_losses(
    vlm: Vlm,
    batch: Batch,
    images: Float[Tensor, "batch 3 height width"],
    answers: Answers,
    losses: Callable[[Part], Float[Tensor, "*kinds batch part"]],
) -> Float[Tensor, "*kinds batch"]:
    """(1/T) Σ_t ℓ_t along the answers, without a table of the logits at all positions.

    Args:
        vlm: the model.
        batch: prompts.
        images: what it looks at.
        answers: one for each trigger.
        losses: ℓ_t at the positions of a part, of one kind or several.
    """
    found = visit_parts(vlm, images, batch.prompts, answers, losses)
    return mean_along(torch.cat(found.parts, -1), found.ids)


def coherence_losses(
    logits: Float[Tensor, "batch positions vocab"], ids: Int[Tensor, "batch positions"]
) -> Float[Tensor, "batch positions"]:
    """−log p_t(ŷ_t) at every position; 0 where `ids` is -1."""
    return F.cross_entropy(logits.transpose(1, 2), ids, ignore_index=-1, reduction="none")


def mean_along(
    losses: Float[Tensor, "*kinds batch positions"], ids: Int[Tensor, "batch positions"]
) -> Float[Tensor, "*kinds batch"]:
    """(1/T) Σ_t ℓ_t, over the positions where `ids` is not -1."""
    return losses.masked_fill(ids < 0, 0.0).sum(-1) / (ids >= 0).sum(-1).clamp(min=1)
