"""How much a batch changes the image baselines: `python tools/baseline_batches.py [TRIGGERS]`.

For both mini families, at pictures that plain descent has reached, prints as Markdown:
the share of pixels whose gradient points the same way for a trigger made alone as in a batch, and
as that of plain descent; the seconds of processor for each trigger and step, alone and in a batch.
"""

import sys
import time
from typing import Final

import torch
from torch import Tensor

from sif.eval.triggers.baseline import PAIRS
from sif.fingerprint.craft import build_objective, build_schedule, build_terms
from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.optimize import optimise, wrapped
from sif.fingerprint.recipe import load_recipe
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import build
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor

REACHED: Final = (0, 50, 200)
METHODS: Final = ("ordinary", "rna", "pla", "agdi")
TIMED: Final = 4


def made_of(vlm: Vlm, base: Tensor, indices: range) -> Batch:
    """Some of the triggers, with the same chances in every batch."""
    pairs = [PAIRS[index % len(PAIRS)] for index in indices]
    return Batch(
        base=base[indices.start : indices.stop],
        prompts=tuple(pair.question for pair in pairs),
        green=torch.zeros(len(pairs), vlm.vocabulary_size, dtype=torch.bool),
        seeds=tuple(indices),
        target_answers=tuple(pair.answer for pair in pairs),
        shared_seed=0,
    )


def slopes(vlm: Vlm, name: str, batch: Batch, images: Tensor, steps: int) -> tuple[Tensor, float]:
    """The pixels' gradient in the last of some steps at a picture, and seconds for each."""
    recipe = load_recipe(name)
    objective, terms = build_objective(recipe.objective), build_terms(recipe)
    targets = objective.targets(vlm, batch, images, 0, None)
    for step in range(steps):
        begun = time.process_time()
        slope = wrapped(vlm, batch, objective, terms, targets, step)(images).images
        took = time.process_time() - begun
    return slope, took


def reached(vlm: Vlm, batch: Batch, steps: int) -> Tensor:
    """Pictures after so many steps of plain descent."""
    recipe = load_recipe("ordinary", steps=max(1, steps))
    if not steps:
        return batch.base
    return optimise(
        vlm,
        batch,
        objective=build_objective(recipe.objective),
        terms=[],
        schedule=build_schedule(recipe),
        measure=lambda images: torch.zeros(len(images)),
        report=lambda step, loss: None,
    )


def main(count: int) -> None:
    """Prints the table."""
    print("| family | steps before | method | in a batch | as plain | s alone | s in a batch |")
    print("|---|---|---|---|---|---|---|")
    for family in ("llava", "qwen"):
        source = find(f"{family}-source")
        model, processor = build(source)
        vlm = Vlm(model.eval().requires_grad_(False), processor, family)
        pictures = [s.image for s in samples(source.world, number=count, seed=1)]
        base = to_tensor([vlm.prepare(picture) for picture in pictures])
        whole = made_of(vlm, base, range(count))
        for before in REACHED:
            images = reached(vlm, whole, before)
            plain: Tensor | None = None
            for name in METHODS:
                together, fast = slopes(vlm, name, whole, images, TIMED)
                parts = [
                    slopes(vlm, name, made_of(vlm, base, range(i, i + 1)), images[i : i + 1], TIMED)
                    for i in range(count)
                ]
                alone = torch.cat([slope for slope, _ in parts])
                slow = sum(took for _, took in parts) / count
                plain = alone if plain is None else plain
                same, moved = (
                    float((one.sign() == alone.sign()).float().mean()) for one in (together, plain)
                )
                print(
                    f"| {family} | {before} | {name} | {same:.4f} | {moved:.4f} | {slow:.4f} | "
                    f"{fast / count:.4f} |",
                    flush=True,
                )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
