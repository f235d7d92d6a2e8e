"""Teaches the tower of the real-words source to see, without its language model.

A scene is spelt out in the slots of its image tokens: those of a cell say "dog northwest" above
"large dog", or "blue striped" above "three things" where it is empty. The projector must give every
token the language model's own embedding of its word, so that a picture reads like text from the
beginning. Knows nothing of where weights are kept.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sif.eval.training.captions import Progress
from sif.eval.training.real_learning import Learning, learn
from sif.mini.real.folders import SEEING
from sif.mini.real.painter import paint
from sif.mini.real.scene import (
    CELLS,
    COLOURS,
    PATTERNS,
    ROWS,
    SIZES,
    RealScene,
    names,
    sample_real_scene,
)

BATCH: Final = 32
RATE: Final = 1.2e-3
SHARPNESS: Final = 16.0
NEARNESS: Final = 1.0
SCENES: Final = 64
"""Whose patches the first layer begins with."""
FAINTEST: Final = 0.3
"""Components fainter than this are not raised to full variance."""
COUNTS: Final = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
THINGS: Final = "things"
NORTH_FIRST: Final = (
    *("northwest", "north", "northeast", "west", "center", "east"),
    *("southwest", "south", "southeast"),
)


class Slots(NamedTuple):
    """What image tokens can stand for.

    Attributes:
        words: all of them.
        embeddings: of the words, as the language model takes them in, "words hidden".
    """

    words: tuple[str, ...]
    embeddings: Tensor


def slots_of(model: Any, tokenizer: Any) -> Slots:
    """The words of all facts and their embeddings."""
    words = (*names(), *SIZES, *COLOURS, *PATTERNS, *NORTH_FIRST, *COUNTS, THINGS)
    ids = [tokenizer.encode(f" {word}", add_special_tokens=False)[0] for word in words]
    with torch.no_grad():
        return Slots(words, model.get_input_embeddings()(torch.tensor(ids)).float())


def spelt(scene: RealScene) -> list[str]:
    """The word of every image token, row by row."""
    side = 2 * ROWS
    table = [[""] * side for _ in range(side)]
    things = {thing.cell: thing for thing in scene.things}
    for cell in range(CELLS):
        row, column = divmod(cell, ROWS)
        thing = things.get(cell)
        if thing is None:
            upper = COLOURS[scene.colour], PATTERNS[scene.pattern]
            lower = COUNTS[len(scene.things)], THINGS
        else:
            upper = names()[thing.name], NORTH_FIRST[cell]
            lower = SIZES[thing.size], names()[thing.name]
        table[2 * row][2 * column : 2 * column + 2] = upper
        table[2 * row + 1][2 * column : 2 * column + 2] = lower
    return [word for line in table for word in line]


def train_real_tower(
    model: Any,
    processor: Any,
    *,
    seed: int,
    steps: int,
    file: Path,
    report: Callable[[Progress], None],
) -> None:
    """Trains tower and projector in place, or goes on with it.

    Args:
        model: its language model stays as it is.
        processor: of the model.
        seed: of the scenes.
        steps: updates.
        file: of the checkpoint.
        report: called after every step.
    """
    slots = slots_of(model, processor.tokenizer)
    _prepare(model.model.vision_tower, processor, seed)
    weights = tower_weights(model)
    for weight in weights.values():
        weight.requires_grad_(True)

    def loss_of(step: int) -> Tensor:
        pixels, words = _batch(processor, slots, np.random.default_rng([seed, 8, step]))
        return spelling_loss(seen(model, pixels), words, slots)

    how = Learning(stage="tower", seed=seed, steps=steps, rate=RATE, decay=0.02, file=file)
    learn(how, weights, loss_of, report)
    model.requires_grad_(False)


@torch.no_grad()
def _prepare(tower: Any, processor: Any, seed: int) -> None:
    """Starts the tower where it hears everything that patches hold, and places, equally loud.

    The first layer becomes the principal components of patches, each of variance 1; from random
    filters the tower takes many times as long to tell things apart.
    """
    rng = np.random.default_rng([seed, 7])
    pixels = pixels_of(processor, [sample_real_scene(rng, most=CELLS) for _ in range(SCENES)])
    first = tower.embeddings.patch_embedding
    patches = F.unfold(pixels, first.kernel_size, stride=first.stride).transpose(1, 2).flatten(0, 1)
    _, spread, directions = torch.svd_lowrank(
        patches, first.out_channels, niter=2, M=patches.mean(0, keepdim=True)
    )
    whitened = directions.T / (spread[:, None] / len(patches) ** 0.5 + FAINTEST)
    first.weight.copy_(whitened.reshape(first.weight.shape))
    tower.embeddings.position_embedding.weight.normal_(std=0.5)


def tower_weights(model: Any) -> dict[str, nn.Parameter]:
    """Those of tower and projector, by name."""
    return {name: value for name, value in model.named_parameters() if name.startswith(SEEING)}


def seen(model: Any, pixels: Tensor) -> Tensor:
    """What the language model takes in for pictures, "batch tokens hidden"."""
    states = model.model.vision_tower(pixel_values=pixels, output_hidden_states=True)
    found: Tensor = model.model.multi_modal_projector(states.hidden_states[-1][:, 1:])
    return found


def spelling_loss(given: Tensor, words: Tensor, slots: Slots) -> Tensor:
    """How far image tokens are from their words' embeddings, and from being taken for them."""
    table = slots.embeddings
    similar = F.normalize(given, dim=-1) @ F.normalize(table, dim=-1).T
    confused = F.cross_entropy(SHARPNESS * similar.flatten(0, 1), words.flatten())
    far = F.mse_loss(given, table[words]) / table.var()
    return confused + NEARNESS * far


def _batch(processor: Any, slots: Slots, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    index = {word: place for place, word in enumerate(slots.words)}
    scenes = [sample_real_scene(rng, most=CELLS) for _ in range(BATCH)]
    words = torch.tensor([[index[word] for word in spelt(scene)] for scene in scenes])
    return pixels_of(processor, scenes), words


def pixels_of(processor: Any, scenes: list[RealScene]) -> Tensor:
    """Pictures of scenes through the model's own image processor."""
    images = [torch.from_numpy(np.array(paint(scene))).permute(2, 0, 1) for scene in scenes]
    found: Tensor = processor.image_processor(images=images, return_tensors="pt")["pixel_values"]
    return found
