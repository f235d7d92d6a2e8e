"""Steps of making, timed and counted: the recipe's own objective, terms and schedule.

Answers are made up, as those of random weights say nothing, and of the recipe's greatest length;
the time of decoding them is measured apart. Knows nothing of depths, batches that fit, or files.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import mean, median
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from sif.eval.memory.counting import made_up
from sif.eval.step.machine import now, seconds
from sif.eval.triggers.meter import metered
from sif.fingerprint.content import ContentSpace
from sif.fingerprint.craft import build_objective, build_schedule, build_terms
from sif.fingerprint.objectives.objective import Batch, Objective, Targets, base_teacher
from sif.fingerprint.optimize import Schedule, optimise, wrapped
from sif.fingerprint.plan import UNKNOWN_PATCH, green_list_objective
from sif.fingerprint.recipe import Recipe
from sif.types import GenerationSettings
from sif.vlm.model import Vlm

DECODED: Final = 8
"""Tokens that the time of one is measured over."""
BEHIND: Final = 32
"""Tokens that a measured answer may have beyond the recipe's, as in making."""
COUNTED: Final = 1
"""Number of the step whose operations are counted: in some recipes the first does more."""


class Pace(NamedTuple):
    """Seconds and operations of the parts of making, each in a straight line with the depth.

    Attributes:
        step: median seconds of a step.
        mean_step: mean seconds of the same steps; how weights are worn differs from step to step.
        teacher: seconds of the pass that a new answer takes beside its decoding.
        prefill: seconds of an answer's first token.
        token: seconds of each further token.
        flops: of a step.
    """

    step: float
    mean_step: float
    teacher: float
    prefill: float
    token: float
    flops: float

    def answer(self, tokens: int) -> float:
        """Seconds of decoding an answer."""
        return self.prefill + (tokens - 1) * self.token


class Stepped(NamedTuple):
    """What was measured: the pace, every timed step, and the passes with a gradient of one."""

    pace: Pace
    seconds: tuple[float, ...]
    passes: int


def step(
    vlm: Vlm,
    recipe: Recipe,
    *,
    picture: tuple[int, int],
    batch: int,
    checkpointing: bool,
    steps: int,
    show: Callable[[int], None] = lambda done: None,
) -> Stepped:
    """Takes steps as making does: one that is counted and warms up, then those that are timed.

    Args:
        vlm: the model.
        recipe: how triggers are made.
        picture: width and height.
        batch: triggers at once.
        checkpointing: whether activations are computed again.
        steps: that are timed.
        show: is told how many are done.

    Raises:
        UsageError: a recipe without green lists.
    """
    it, answers = made_up(vlm, recipe, picture=picture, batch=batch)
    began = now(vlm.device)
    targets = Targets(answers, base_teacher(vlm, it, answers))
    teacher = now(vlm.device) - began
    objective = build_objective(recipe.objective)
    terms = build_terms(recipe, checkpointing=checkpointing)
    with metered(vlm) as meter, flop_counter() as counter:
        wrapped(vlm, it, objective, terms, targets, COUNTED)(it.base)
    stamps = [now(vlm.device)]

    def report(done: int, _loss: float) -> None:
        stamps.append(now(vlm.device))
        show(done)

    optimise(
        vlm,
        it,
        objective=_Followed(objective, targets),
        terms=terms,
        schedule=replace(_schedule(vlm, recipe), steps=steps),
        measure=_unmeasured,
        report=report,
    )
    taken = tuple(after - before for before, after in pairwise(stamps))
    prefill, token = _decoding(vlm, it)
    pace = Pace(
        step=median(taken),
        mean_step=mean(taken),
        teacher=teacher,
        prefill=prefill,
        token=token,
        flops=counter.get_total_flops(),
    )
    return Stepped(pace, taken, meter.gradient_passes)


def fingerprint_seconds(pace: Pace, recipe: Recipe, *, triggers: int, batch: int) -> float:
    """What so many triggers take, each made once: steps, answers on the way, measuring, weights.

    Args:
        pace: of a batch.
        recipe: how triggers are made.
        triggers: of the fingerprint.
        batch: of them at once.
    """
    objective, schedule = green_list_objective(recipe), recipe.schedule
    every = objective.refresh_every or schedule.steps
    followed = len(range(0, schedule.steps, every))
    # measured: now and then, at the end, and the base picture; the words' weights ask it once more
    checked = (schedule.steps // schedule.check_every if schedule.check_every else 0) + 3
    tokens = objective.answer_tokens
    each = (
        schedule.steps * pace.mean_step
        + followed * (pace.answer(tokens) + pace.teacher)
        + checked * pace.answer(tokens + BEHIND)
    )
    return -(-triggers // batch) * each


def flop_counter() -> FlopCounterMode:
    """Counts products of matrices, convolutions and attention, that of CPUs too."""
    ops = torch.ops.aten
    of_cpus: dict[Any, Any] = {
        ops._scaled_dot_product_flash_attention_for_cpu: _attention,
        ops._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    }
    return FlopCounterMode(display=False, custom_mapping=of_cpus)


def _attention(query: Any, key: Any, value: Any, *_rest: Any, **_named: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def _attention_backward(
    gradient: Any, query: Any, key: Any, value: Any, *_rest: Any, **_named: Any
) -> int:
    return int(sdpa_backward_flop_count(gradient, query, key, value))


@dataclass(frozen=True, eq=False)
class _Followed:
    """An objective whose answers are given."""

    objective: Objective
    given: Targets

    def targets(
        self, vlm: Vlm, batch: Batch, images: Tensor, step: int, current: Targets | None
    ) -> Targets:
        return self.given

    def loss(self, vlm: Vlm, batch: Batch, images: Tensor, targets: Targets) -> Tensor:
        return self.objective.loss(vlm, batch, images, targets)


def _schedule(vlm: Vlm, recipe: Recipe) -> Schedule:
    """The recipe's, without measuring on the way; it keeps out of content that is made up."""
    tile, content = vlm.patch_size or UNKNOWN_PATCH, None
    if recipe.schedule.content_share is not None:
        pixels, chances = 3 * tile**2, torch.Generator().manual_seed(0)
        ways = torch.randn(pixels, pixels // 2, generator=chances)
        content = ContentSpace(torch.linalg.qr(ways).Q.to(vlm.device), tile)
    return replace(build_schedule(recipe, tile=vlm.patch_size, content=content), check_every=None)


def _unmeasured(images: Tensor) -> Tensor:
    return torch.zeros(len(images))


def _decoding(vlm: Vlm, batch: Batch) -> tuple[float, float]:
    """Seconds of an answer's first token, and of one behind it."""

    def take(tokens: int) -> float:
        settings = GenerationSettings(max_new_tokens=tokens, min_new_tokens=tokens)
        return seconds(vlm.device, lambda: vlm.generate(batch.base, batch.prompts, settings))

    take(1)
    first = take(1)
    return first, max(0.0, take(1 + DECODED) - first) / DECODED
