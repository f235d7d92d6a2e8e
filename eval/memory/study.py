"""`sif bench memory`: what a step of making takes at the sizes of real models, counted on shapes.

The model's forward pass, the loss, the terms and the backward pass are those of `sif fingerprint`;
only values are missing. Keeps nothing to resume.
"""

from itertools import product
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from sif.errors import UsageError
from sif.eval.memory.counter import MemoryCounter
from sif.eval.memory.counting import count_step
from sif.eval.memory.shapes import SHAPES, build_shape
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.fingerprint.recipe import load_recipe
from sif.markdown import number, table

GIB: Final = 2**30


class MemorySettings(Settings):
    """What `sif bench memory` can be told."""

    recipe: str = "sif"
    """Of the steps."""
    models: tuple[str, ...] = ("llava-1.5-7b", "qwen2.5-vl-7b")
    """By the names of their releases; qwen2.5-vl-72b is there too."""
    batches: tuple[int, ...] = Field(default=(1, 8), min_length=1)
    """Triggers at once."""
    checkpointing: tuple[bool, ...] = (False, True)
    """Whether activations are computed again instead of being kept."""
    steps: tuple[int, ...] = Field(default=(1,), min_length=1)
    """Of the optimiser. Which says how weights are worn: rounded in 0, with noise in 1, which takes
    most, pruned in 2."""


class MemoryRow(BaseModel):
    """The bytes of one step, the model's own and all at the worst moment."""

    model_config = ConfigDict(frozen=True)

    model: str
    width: int
    height: int
    batch: int
    checkpointing: bool
    step: int
    weights: int
    peak: int


def run(settings: MemorySettings, place: Workplace) -> Findings:
    """Counts every combination."""
    cells = list(product(settings.models, settings.batches, settings.checkpointing, settings.steps))
    rows = []
    for done, (model, batch, checkpointing, step) in enumerate(cells):
        place.show("steps", done, len(cells), f"{model}, batch {batch}")
        rows.append(_count(settings.recipe, model, batch, checkpointing, step))
    return Findings(summary=_summary(rows), files={"memory.parquet": rows})


def _count(recipe: str, model: str, batch: int, checkpointing: bool, step: int) -> MemoryRow:
    shape = next((shape for shape in SHAPES if shape.name == model), None)
    if shape is None:
        names = ", ".join(shape.name for shape in SHAPES)
        raise UsageError(f"--set models: expected names among {names}, got {ascii(model)[:40]}")
    counter = MemoryCounter(values=False)
    counted = count_step(
        build_shape(shape, counter),
        load_recipe(recipe),
        counter,
        picture=shape.picture,
        batch=batch,
        checkpointing=checkpointing,
        step=step,
    )
    return MemoryRow(
        model=model,
        width=shape.picture[0],
        height=shape.picture[1],
        batch=batch,
        checkpointing=checkpointing,
        step=step,
        weights=counted.model,
        peak=counted.peak,
    )


def _summary(rows: list[MemoryRow]) -> str:
    lines = [
        (
            row.model,
            f"{row.width}x{row.height}",
            str(row.batch),
            "yes" if row.checkpointing else "no",
            str(row.step),
            number(row.weights / GIB, digits=1),
            number(row.peak / GIB, digits=1),
        )
        for row in rows
    ]
    heads = ("model", "pictures", "batch", "checkpointing", "step", "weights, GiB", "peak, GiB")
    return table(heads, lines)


STUDY: Final = Study(
    name="memory",
    settings=MemorySettings,
    quick={"batches": (1,), "checkpointing": (False,), "models": (SHAPES[0].name,)},
    run=run,
    in_parts=False,
)
