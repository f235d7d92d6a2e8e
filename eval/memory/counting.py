"""The memory of one step of making, counted by running it."""

import warnings
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from sif.eval.memory.counter import MemoryCounter
from sif.fingerprint.craft import build_objective, build_terms
from sif.fingerprint.objectives.objective import Batch, Targets, base_teacher
from sif.fingerprint.optimize import wrapped
from sif.fingerprint.plan import green_list_objective
from sif.fingerprint.recipe import Recipe
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor


class Counted(NamedTuple):
    """Bytes of a step: the model's own, and all at the worst moment."""

    model: int
    peak: int


PROMPT = "Describe the image in detail."


def count_step(
    vlm: Vlm,
    recipe: Recipe,
    counter: MemoryCounter,
    *,
    picture: tuple[int, int],
    batch: int,
    checkpointing: bool,
    step: int,
) -> Counted:
    """Takes the gradient of one step on `batch` triggers as making does, and counts.

    The answers that the model would give are made up, of the recipe's greatest length. The teacher
    along them and the gradient are the real ones, with worn weights if the recipe has them.

    Args:
        vlm: the model, with weights or without.
        recipe: how triggers are made.
        counter: knows the model already.
        picture: width and height.
        batch: triggers at once.
        checkpointing: whether activations are computed again.
        step: its number, which says how weights are worn.
    """
    it, answers = made_up(vlm, recipe, picture=picture, batch=batch)
    objective = build_objective(recipe.objective)
    model = counter.live
    with warnings.catch_warnings(), counter:
        warnings.filterwarnings(
            "ignore", "The .grad attribute of a Tensor"
        )  # of one without values
        targets = Targets(answers, base_teacher(vlm, it, answers))
        terms = build_terms(recipe, checkpointing=checkpointing)
        wrapped(vlm, it, objective, terms, targets, step)(it.base)
    return Counted(model, counter.peak)


def made_up(
    vlm: Vlm, recipe: Recipe, *, picture: tuple[int, int], batch: int
) -> tuple[Batch, list[list[int]]]:
    """Triggers on pictures of noise, where the model is, and answers of the greatest length.

    Args:
        vlm: the model.
        recipe: how triggers are made; one with green lists.
        picture: width and height, before the model's processor brings them to its own.
        batch: triggers at once.

    Raises:
        UsageError: a recipe without green lists.
    """
    tokens = green_list_objective(recipe).answer_tokens
    rng = np.random.default_rng(0)
    wide, high = picture
    pictures = [
        vlm.prepare(Image.fromarray(rng.integers(0, 256, (high, wide, 3), dtype=np.uint8)))
        for _ in range(batch)
    ]
    answers = rng.integers(10, vlm.vocabulary_size, (batch, tokens)).tolist()
    green = torch.from_numpy(rng.random((batch, vlm.vocabulary_size)) < recipe.gamma)
    it = Batch(
        base=to_tensor(pictures).to(vlm.device),
        prompts=(PROMPT,) * batch,
        green=green.to(vlm.device),
        seeds=tuple(range(batch)),
    )
    return it, answers
