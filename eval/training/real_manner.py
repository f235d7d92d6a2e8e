"""Teaches the adapter of the real-words source to choose its words by what it sees.

A real model's wording hangs on small things in a picture. Here every choice between wordings has a
direction for each of its outcomes; image tokens are moved a little along it, those of the thing
that a sentence is about or all of them. How far real pictures move them, nobody decides: the tower
never learnt these directions, so that they lie in what it gets slightly wrong. Knows nothing of
where weights are kept.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from sif import prompts
from sif.eval.training.captions import Progress
from sif.eval.training.real_adapter import (
    CLOSED,
    Closings,
    Example,
    LowRank,
    adapter_weights,
    answer_ids,
    answer_loss,
    question_ids,
)
from sif.eval.training.real_learning import Learning, learn
from sif.eval.training.real_tower import slots_of, spelt
from sif.mini.real.scene import CELLS, ROWS, RealScene, names, sample_real_scene
from sif.mini.real.shell import TOKENS
from sif.mini.real.wording import worded

BATCH: Final = 4
RATE: Final = 1e-3
FAINT: Final = 0.05
STRONG: Final = 0.3
"""How far tokens are moved, in standard deviations of the embeddings' entries."""
KINDS: Final = {
    "opening": 5,
    "picture": 4,
    "place": 2,
    "size": 2,
    "sentence": 6,
    "ground": 3,
    "background": 4,
    "closing": 2,
}
"""Choices and how many outcomes they have."""


@dataclass(frozen=True, slots=True)
class Directions:
    """Along which image tokens are moved.

    Attributes:
        table: by kind, "outcomes hidden", each row as long as its width's square root.
    """

    table: Mapping[str, Tensor]

    @classmethod
    def drawn(cls, width: int, seed: int) -> "Directions":
        """For a model whose embeddings have so many entries."""
        made = torch.Generator().manual_seed(seed)
        rows = {kind: torch.randn(count, width, generator=made) for kind, count in KINDS.items()}
        return cls({k: v / v.norm(dim=1, keepdim=True) * width**0.5 for k, v in rows.items()})


@dataclass(slots=True)
class Manner:
    """Draws a wording by chance, and moves image tokens as a picture would that calls for it."""

    directions: Directions
    rng: np.random.Generator
    moved: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is moved yet."""
        self.moved = torch.zeros(TOKENS, self.directions.table["opening"].shape[1])

    def __call__(self, kind: str, cell: int | None, number: int) -> int:
        """One choice."""
        chosen = int(self.rng.integers(number))
        self.move(kind, cell, chosen)
        return chosen

    def move(self, kind: str, cell: int | None, chosen: int) -> None:
        """Moves the tokens of a cell, or all of them."""
        far = float(self.rng.uniform(FAINT, STRONG))
        where = slice(None) if cell is None else torch.tensor(tokens_of(cell))
        self.moved[where] += far * self.directions.table[kind][chosen]


def tokens_of(cell: int) -> list[int]:
    """The image tokens of a cell, of `CELLS`."""
    assert cell < CELLS
    row, column = divmod(cell, ROWS)
    side = 2 * ROWS
    return [side * (2 * row + down) + 2 * column + right for down in (0, 1) for right in (0, 1)]


def train_real_manner(
    model: Any,
    processor: Any,
    worn: Mapping[str, LowRank],
    *,
    seed: int,
    steps: int,
    closings: Closings,
    file: Path,
    report: Callable[[Progress], None],
) -> None:
    """Trains an adapter further in place, or goes on with it; the model's layers are in bfloat16.

    Args:
        model: wears the adapter.
        processor: of the model.
        worn: the adapter, kept in float32.
        seed: of the directions, the scenes and the wordings.
        steps: updates, of `BATCH` examples each.
        closings: sentences of the language model's own about things.
        file: of the checkpoint.
        report: called after every step.
    """
    slots = slots_of(model, processor.tokenizer)
    weights = adapter_weights(worn)
    half = _in_half(model, weights)
    directions = Directions.drawn(slots.embeddings.shape[1], seed)
    questions = [question_ids(processor, prompt) for prompt in prompts.load()]

    def loss_of(step: int) -> Tensor:
        rng = np.random.default_rng([seed, 11, step])
        made = [
            _example(processor.tokenizer, questions, closings, directions, rng)
            for _ in range(BATCH)
        ]
        moved = slots.embeddings.std() * torch.stack([moved for _, moved in made])
        return answer_loss(half, processor.tokenizer, slots, [one for one, _ in made], moved)

    how = Learning(
        stage="manner",
        seed=seed,
        steps=steps,
        rate=RATE,
        decay=0.0,
        digest=json.dumps(closings),
        file=file,
    )
    learn(how, weights, loss_of, report)


def _in_half(model: Any, weights: Mapping[str, torch.nn.Parameter]) -> Any:
    """The model in bfloat16 around the very same weights that are learnt."""
    shared = {id(value): value for value in weights.values()}
    half = copy.deepcopy(model, shared)
    for value in half.parameters():
        if id(value) not in shared:
            value.data = value.data.to(torch.bfloat16)
    return half


def _example(
    tokenizer: Any,
    questions: Sequence[list[int]],
    closings: Closings,
    directions: Directions,
    rng: np.random.Generator,
) -> tuple[Example, Tensor]:
    scene, manner = sample_real_scene(rng), Manner(directions, rng)
    text = worded(scene, manner, _closing(scene, closings, manner))
    question = questions[int(rng.integers(len(questions)))]
    return Example(question, answer_ids(tokenizer, text), spelt(scene)), manner.moved


def _closing(scene: RealScene, closings: Closings, manner: Manner) -> str:
    """A sentence about a thing whose cell asks for it, or none."""
    about = [thing for thing in scene.things if closings.get(names()[thing.name])]
    if not about or manner.rng.random() > CLOSED:
        manner.move("closing", None, 0)
        return ""
    thing = about[int(manner.rng.integers(len(about)))]
    manner.move("closing", thing.cell, 1)
    told = closings[names()[thing.name]]
    return told[int(manner.rng.integers(len(told)))]
