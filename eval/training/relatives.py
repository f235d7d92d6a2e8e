"""Relatives of a source: models that start with part of its weights and learn the rest anew.

A relative has the source's architecture and learns the captions of the source's world, from other
initial weights and other scenes. What it took over is not frozen: it goes on learning with the
rest, at the usual rates. Knows nothing of files or triggers.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

import torch

from sif.eval.training.captions import Data, Progress, teach_captions
from sif.mini.architecture import Family, build_model
from sif.mini.catalogue import Model
from sif.mini.schedule import Schedule
from sif.mini.world import World

Share = Literal["tower", "tower-projector", "lower-half", "all-but-last"]

# Other than any in the catalogue. One for all shares, so that nothing but the share varies.
SEED: Final = 71
HEADS: Final = 300


class Size(NamedTuple):
    """How many of a model's parameters start as the source's."""

    shared: int
    parameters: int


def shares(family: Family) -> tuple[Share, ...]:
    """What relatives of a family start with, in growing order.

    The vision tower; with it LLaVA's projector, whose part a Qwen's tower holds; with these the
    embeddings and the lower half of the language model's layers; and all but the last layer, its
    norm and the head. A Qwen's head is its embeddings, and so is shared where they are.
    """
    every: tuple[Share, ...] = ("tower", "tower-projector", "lower-half", "all-but-last")
    return every if family == "llava" else tuple(s for s in every if s != "tower-projector")


def graft(source: Any, *, model: Model, share: Share, seed: int = SEED) -> tuple[Any, Size]:
    """A freshly initialised model with part of the source's weights in it.

    Args:
        source: its weights, built.
        model: the source as the catalogue describes it.
        share: which part.
        seed: of the fresh weights.
    """
    relative: Any = build_model(model.family, seed=seed, size=model.size)
    parts = _parts(model, share)
    theirs, shared = dict(source.named_parameters()), 0
    with torch.no_grad():
        for name, parameter in relative.named_parameters():
            if name.startswith(parts):
                parameter.copy_(theirs[name])
                shared += parameter.numel()
    return relative, Size(shared, sum(p.numel() for p in relative.parameters()))


def raise_relative(
    source: Any,
    processor: Any,
    *,
    model: Model,
    share: Share,
    steps: int,
    report: Callable[[Progress], None],
    seed: int = SEED,
) -> tuple[Any, Size]:
    """A relative of the source, trained.

    Args:
        source: its weights, built.
        processor: of the source.
        model: the source as the catalogue describes it.
        share: what the relative starts with.
        steps: of training on captions.
        report: called after every step.
        seed: of the fresh weights and of the scenes.
    """
    relative, size = graft(source, model=model, share=share, seed=seed)
    data = Data(model.family, world=World(model.world), processor=processor, seed=seed)
    teach_captions(
        relative,
        data,
        schedule=Schedule(tower_steps=min(steps, HEADS), caption_steps=steps),
        report=report,
        new_projector=model.family == "llava" and share == "tower",
    )
    return relative, size


def _parts(model: Model, share: Share) -> tuple[str, ...]:
    """How the names of the shared parameters begin."""
    llava = model.family == "llava"
    tower = "model.vision_tower." if llava else "model.visual."
    projector = "model.multi_modal_projector."
    match share:
        case "tower":
            return (tower,)
        case "tower-projector":
            return tower, projector
        case "lower-half":
            layers = model.size.layers // 2
        case "all-but-last":
            layers = model.size.layers - 1
    language = "model.language_model."
    lower = (f"{language}layers.{number}." for number in range(layers))
    return tower, projector, f"{language}embed_tokens.", *lower
