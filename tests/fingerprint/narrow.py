"""A process with little memory that makes what a fingerprint needs, and tells what came of it.

Whatever it does at once takes `EACH` of address space for each trigger more than it does, which
ends at `MOST`: real allocations that really fail, and nothing else comes near the end.
Run as `python -m tests.fingerprint.narrow MODEL OUT`.
"""

import logging
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sif.fingerprint import content
from sif.fingerprint.content import learn_content
from sif.fingerprint.craft import Draft, measure
from sif.fingerprint.memory import Fitting, craft_fitting
from sif.fingerprint.predictability import word_weights
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from tests.fingerprint.small import pictures, small_recipe

COUNT = 6
GENERATION = GenerationSettings(max_new_tokens=8)
QUESTION = "What do you see?"
EACH = 2**28
MOST = 5 * 2**28


def narrow(vlm: Vlm) -> None:
    """Has every forward pass, and the study of pictures, take memory; and memory an end."""

    def pass_of(_module: Any, _inputs: Any, named: dict[str, Any]) -> None:
        torch.empty(len(named["input_ids"]) * EACH, dtype=torch.uint8)

    real = content._Moments._add

    def add(self: Any, parts: Sequence[Tensor]) -> list[None]:
        torch.empty(len(parts) * EACH, dtype=torch.uint8)
        return real(self, parts)

    vlm.model.register_forward_pre_hook(pass_of, with_kwargs=True)
    content._Moments._add = add  # type: ignore[method-assign]
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MOST, now + MOST))


def main(model: str, out: Path) -> None:
    torch.set_num_threads(1)
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("sif").addHandler(handler)
    vlm = Vlm.load(model, device="cpu")
    narrow(vlm)
    np.savez(out, **everything(vlm, Fitting("auto", None)), said=np.array(said, dtype=str))


def drafts_of(vlm: Vlm) -> list[Draft]:
    """Triggers to be made of a model."""
    return [
        Draft(
            id=f"{number:04d}",
            source_image=one.name,
            base=vlm.prepare(one.image),
            start=None,
            prompt=QUESTION,
            green=np.arange(vlm.vocabulary_size) % 2 == 0,
            seed=number,
        )
        for number, one in enumerate(pictures(COUNT))
    ]


def everything(vlm: Vlm, fitting: Fitting) -> dict[str, Any]:
    """Triggers, measured again all at once, weights of words and what pictures hold."""
    drafts = drafts_of(vlm)
    bases = [draft.base for draft in drafts]
    recipe = small_recipe(steps=1)
    parts = craft_fitting(
        vlm,
        recipe,
        drafts,
        fitting=fitting,
        generation=GENERATION,
        report=lambda working, step, loss: None,
    )
    made = [one.image for some in parts for one in some]
    measured = measure(vlm, drafts, made, GENERATION)
    weights = word_weights(vlm, bases, [QUESTION] * COUNT, generation=GENERATION, batch_size=COUNT)
    space = learn_content((one.image for one in pictures(20, side=112)), tile=14, share=0.3)
    return {
        "images": np.stack([np.asarray(image) for image in made]),
        "z": np.array([one.z for one in measured]),
        "weights": weights,
        "projector": (space.basis @ space.basis.T).numpy(),
    }


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
