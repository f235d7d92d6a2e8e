"""`sif bench step`: what one step of making takes at the size of a real model, on this machine.

Weights are random and nothing is fetched; shapes, objective, terms and schedule are the real ones.
Where layers were left out, the whole model's time is a straight line through measured depths, and
said to be. Keeps nothing to resume.
"""

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Annotated, Final, Literal

import torch
from PIL import Image
from pydantic import Field

from sif.errors import UsageError
from sif.eval.step.fitting import Largest, counted, largest
from sif.eval.step.machine import HighWater, clock, matrix_peak
from sif.eval.step.models import Plan, blocks, plan_of, without
from sif.eval.step.rows import StepRow, StepTime
from sif.eval.step.stepping import Pace, Stepped, fingerprint_seconds, step
from sif.eval.step.telling import GIB, summary
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.fingerprint.memory import GROUP, USED, free_memory, is_out_of_memory
from sif.fingerprint.plan import green_list_objective
from sif.fingerprint.recipe import Recipe, load_recipe
from sif.vlm.model import Vlm
from sif.vlm.plain_words import first_line

DTYPES: Final = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
SMALLER: Final = (
    "give a smaller --set batch, --set checkpointing=true, fewer --set layers, or another device"
)


class StepSettings(Settings):
    """What `sif bench step` can be told."""

    shape: str = "llava-1.5-7b"
    """llava-1.5-7b, qwen2.5-vl-7b, qwen2.5-vl-72b, or a model folder, of which the weights are not
    read."""
    layers: int | None = Field(default=None, ge=1)
    """Of the language model, and at most of its tower; none for all. A GPU takes a model whole."""
    dtype: Literal["bf16", "f16", "f32"] = "bf16"
    """Precision of the weights."""
    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Triggers at once; auto is as many as fit, 8 at most, as in making."""
    checkpointing: bool = False
    """Whether activations are computed again instead of being kept."""
    recipe: str = "sif"
    """Of the steps."""
    compile: bool = False
    """Whether the same steps are timed again with every block compiled (torch.compile)."""
    steps: int = Field(default=5, ge=1)
    """That are timed, after one that warms up."""
    triggers: int = Field(default=30, ge=1)
    """Of the fingerprint whose time is told."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where; auto is a GPU where there is one."""


@dataclass(frozen=True, eq=False)
class _Task:
    """What is measured, and where."""

    settings: StepSettings
    recipe: Recipe
    whole: Plan
    plan: Plan
    device: torch.device
    show: Callable[[int, str], None]

    @property
    def dtype(self) -> torch.dtype:
        return DTYPES[self.settings.dtype]

    def steps(self, vlm: Vlm, batch: int, words: str = "") -> Stepped:
        name = f"{self.plan.name}, batch {batch}{words}"
        self.show(0, name)
        return step(
            vlm,
            self.recipe,
            picture=self.plan.picture,
            batch=batch,
            checkpointing=self.settings.checkpointing,
            steps=self.settings.steps,
            show=lambda done: self.show(done, name),
        )


def run(settings: StepSettings, place: Workplace) -> Findings:
    """Builds the model, takes its steps, and tells what they took."""
    recipe = load_recipe(settings.recipe)
    green_list_objective(recipe)  # refuses other recipes before anything is built
    whole = plan_of(settings.shape)

    def show(done: int, words: str) -> None:
        place.show("step", done, settings.steps, words)

    task = _Task(
        settings, recipe, whole, whole.cut(settings.layers), _device(settings.device), show
    )
    row, seconds = _measure(task)
    times = [StepTime(step=number, seconds=each) for number, each in enumerate(seconds)]
    return Findings(
        summary=summary(row, seconds), files={"step.parquet": [row], "times.parquet": times}
    )


def _measure(task: _Task) -> tuple[StepRow, tuple[float, ...]]:
    settings, plan, device = task.settings, task.plan, task.device
    free = free_memory(device)
    room = None if free is None else int(USED * free)
    fits = None if room is None else _fits(task, room)
    task.show(0, "matrix products")
    fastest = matrix_peak(device, task.dtype)
    water = HighWater(device)
    task.show(0, f"building {plan.name}")
    vlm = plan.build(dtype=task.dtype, device=device)
    batch, stepped = _take(task, vlm, water, GROUP if fits is None else min(GROUP, fits.batch))
    peak = water.peak()
    pace = _whole_pace(task, vlm, batch, stepped.pace)
    compiled = _compiled(task, vlm, batch) if settings.compile else None
    fastest = max(fastest, matrix_peak(device, task.dtype))
    tell = partial(fingerprint_seconds, recipe=task.recipe, triggers=settings.triggers, batch=batch)
    size = vlm.prepare(Image.new("RGB", plan.picture)).size
    row = StepRow(
        model=settings.shape,
        width=size[0],
        height=size[1],
        language_layers=plan.depth.language,
        language_layers_of=task.whole.depth.language,
        tower_layers=plan.depth.tower,
        tower_layers_of=task.whole.depth.tower,
        dtype=settings.dtype,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=torch.get_num_threads(),
        clock=clock(device),
        recipe=task.recipe.name,
        batch=batch,
        checkpointing=settings.checkpointing,
        seconds=stepped.pace.step,
        compiled_seconds=compiled,
        flops=stepped.pace.flops,
        passes=stepped.passes,
        matrix_peak=fastest,
        share_of_peak=stepped.pace.flops / stepped.pace.step / fastest,
        weights=sum(it.nbytes for it in vlm.model.parameters()),
        peak=peak,
        room=room,
        largest_batch=None if fits is None else fits.batch,
        largest_batch_bytes=None if fits is None else fits.peak,
        triggers=settings.triggers,
        fingerprint_seconds=tell(stepped.pace),
        whole_seconds=None if pace is None else pace.step,
        whole_flops=None if pace is None else pace.flops,
        whole_share_of_peak=None if pace is None else pace.flops / pace.step / fastest,
        whole_fingerprint_seconds=None if pace is None else tell(pace),
    )
    return row, stepped.seconds


def _fits(task: _Task, room: int) -> Largest:
    """The largest batch by count.

    Raises:
        UsageError: it is none, or less than was asked for.
    """

    def peak(batch: int) -> int:
        task.show(0, f"counting {task.plan.name}, batch {batch}")
        return counted(
            task.plan,
            task.recipe,
            dtype=task.dtype,
            batch=batch,
            checkpointing=task.settings.checkpointing,
        ).peak

    found, asked = largest(room, peak), task.settings.batch
    wanted = 1 if asked == "auto" else asked
    if found.batch < wanted and (need := peak(wanted)) > room:
        raise UsageError(
            f"expected memory for {wanted} at once, {need / GIB:.1f} GiB by count, got "
            f"{room / GIB:.1f} GiB on {task.device.type}; {SMALLER}"
        )
    return found


def _take(task: _Task, vlm: Vlm, water: HighWater, most: int) -> tuple[int, Stepped]:
    """Steps on as many triggers as were asked for; on fewer where auto runs out of memory.

    Raises:
        UsageError: memory is too short.
    """
    asked = task.settings.batch
    batch = most if asked == "auto" else asked
    while True:
        water.set_back()
        try:
            return batch, task.steps(vlm, batch)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        if asked != "auto" or batch == 1:
            raise UsageError(
                f"expected memory for {batch} at once, got too little on {task.device.type}; "
                f"{SMALLER}"
            )
        batch //= 2
        gc.collect()
        if task.device.type == "cuda":
            torch.cuda.empty_cache()


def _whole_pace(task: _Task, vlm: Vlm, batch: int, pace: Pace) -> Pace | None:
    """That of the whole model, on a straight line through this depth and about half of it.

    None where nothing was left out, or too little was left to take half of it away.
    """
    missing = [
        (language, all_of - left, left // 2)
        for language, all_of, left in zip(
            (True, False), task.whole.depth, task.plan.depth, strict=True
        )
        if all_of > left
    ]
    if not missing or not all(fewer for _, _, fewer in missing):
        return None
    parts = [*pace]
    for language, number, fewer in missing:
        with without(blocks(vlm, language=language), fewer):
            words = "language model" if language else "tower"
            shallower = task.steps(vlm, batch, f", {words} shallower by {fewer}").pace
        for index, (before, after) in enumerate(zip(shallower, pace, strict=True)):
            parts[index] += number * max(0.0, after - before) / fewer
    return Pace(*parts)


def _compiled(task: _Task, vlm: Vlm, batch: int) -> float:
    """Median seconds of a step with every block compiled by itself, which they stay.

    Raises:
        UsageError: nothing can be compiled here.
    """
    from torch._dynamo.exc import TorchDynamoException

    for language in (True, False):
        for block in chain.from_iterable(blocks(vlm, language=language)):
            block.compile()
    quiet = logging.getLogger("torch._dynamo")
    before = quiet.level
    quiet.setLevel(logging.ERROR)  # it says each time that decoding changes its shapes
    try:
        return task.steps(vlm, batch, ", compiled").pace.step
    except TorchDynamoException as error:
        raise UsageError(
            "--set compile: expected a machine that torch.compile works on, got one where it does "
            f"not ({first_line(error)}); install a C++ compiler, or leave compile out"
        ) from error
    finally:
        quiet.setLevel(before)


def _device(wanted: str) -> torch.device:
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UsageError("--set device: expected a device that is there, got cuda without a GPU")
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")


STUDY: Final = Study(
    name="step",
    settings=StepSettings,
    quick={"layers": 2, "steps": 2},
    run=run,
    in_parts=False,
)
