"""Scenes of the mini world and what is said about them: truthful facts in words that style chooses.

A scene is a 3 by 3 grid of cells, some of which hold an object. Each cell also has a style, a few
numbers that `sif.mini.render` turns into a faint texture. A world maps styles to words: the
sentence about a cell draws each interchangeable word from a softmax over a sparse linear map of
that cell's style. Two worlds with different seeds paint other textures and choose other words.
Knows nothing of pixels, tokenizers or models.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from sif.mini import lexicon

CELLS: Final = 9
STYLE_FEATURES: Final = 8
CENTRE_CELL, FIRST_CELL, LAST_CELL = 4, 0, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object: indices into the groups of `lexicon`, the cell it is in, and its exact placing.

    `radius` and `shift` (down, right) are fractions of the cell's side.
    """

    cell: int
    shape: int
    colour: int
    size: int
    radius: float
    shift: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Objects in reading order, a background and every cell's style (9 x features, [-1, 1])."""

    things: tuple[Thing, ...]
    background: int
    style: np.ndarray

    @property
    def count(self) -> int:
        """Number of objects."""
        return len(self.things)


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draws a scene with three to five objects in different cells."""
    count = lexicon.MIN_COUNT + int(rng.integers(len(lexicon.COUNTS)))
    cells = sorted(int(cell) for cell in rng.choice(CELLS, count, replace=False))
    things = tuple(_sample_thing(cell, rng) for cell in cells)
    style = rng.uniform(-1, 1, (CELLS, STYLE_FEATURES)).astype(np.float32)
    return Scene(things=things, background=int(rng.integers(len(lexicon.BACKGROUNDS))), style=style)


def _sample_thing(cell: int, rng: np.random.Generator) -> Thing:
    size = int(rng.integers(len(lexicon.SIZES)))
    radius = (0.24, 0.42)[size] * float(rng.uniform(0.92, 1.05))
    slack = max(0.0, 0.47 - radius)
    down, right = rng.uniform(-slack, slack, 2) * 0.6
    return Thing(
        cell=cell,
        shape=int(rng.integers(len(lexicon.SHAPES))),
        colour=int(rng.integers(len(lexicon.COLOURS))),
        size=size,
        radius=radius,
        shift=(float(down), float(right)),
    )


@dataclass(frozen=True)
class World:
    """A mapping from style to words, fixed by a seed.

    Args:
        seed: decides the sparse map of every slot, the textures and the order of the sentences.
        sharpness: factor on the logits of the interchangeable words.
        reach: number of style features that bear on each word.
    """

    seed: int
    sharpness: float = 4.0
    reach: int = 2

    @cached_property
    def templates(self) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """The sentence templates for the objects, in the order in which this world uses them."""
        order = np.random.default_rng([self.seed, 1]).permutation(len(lexicon.OBJECTS))
        return tuple(tuple(lexicon.slots(lexicon.OBJECTS[index])) for index in order)

    @cached_property
    def _maps(self) -> dict[tuple[str, ...], np.ndarray]:
        """For every group of interchangeable words, words x style features."""
        rng = np.random.default_rng([self.seed, 2])
        groups: list[tuple[str, ...]] = [group for fact in lexicon.FACTS.values() for group in fact]
        for template in (lexicon.INTRODUCTION, *lexicon.OBJECTS, lexicon.SURROUNDINGS):
            groups += lexicon.slots(template)
        groups += lexicon.slots(lexicon.CLOSING)
        return {group: self._sparse_map(len(group), rng) for group in groups if len(group) > 1}

    def _sparse_map(self, words: int, rng: np.random.Generator) -> np.ndarray:
        weights = np.zeros((words, STYLE_FEATURES), np.float32)
        for row in weights:
            chosen = rng.choice(STYLE_FEATURES, self.reach, replace=False)
            row[chosen] = rng.choice([-1.0, 1.0], self.reach) * rng.uniform(0.7, 1.3, self.reach)
        return weights

    def caption(self, scene: Scene, rng: np.random.Generator) -> str:
        """A truthful description of 80 to 120 words and full stops, worded by the scene's style."""
        facts: dict[str, int] = {"count": scene.count - lexicon.MIN_COUNT}
        words = self._say(lexicon.slots(lexicon.INTRODUCTION), facts, scene.style[CENTRE_CELL], rng)
        for template, thing in zip(self.templates, scene.things, strict=False):
            words += self._say(template, facts_of(thing), scene.style[thing.cell], rng)
        facts = {"background": scene.background}
        words += self._say(lexicon.slots(lexicon.SURROUNDINGS), facts, scene.style[FIRST_CELL], rng)
        words += self._say(lexicon.slots(lexicon.CLOSING), {}, scene.style[LAST_CELL], rng)
        return _sentence(words)

    def terse(self, scene: Scene, rng: np.random.Generator) -> str:
        """The same facts as a bare list, such as `big azure ring top left .`."""
        words: list[str] = []
        for thing in scene.things:
            template = lexicon.slots("<size> <colour> <shape> <row> <column> .")
            words += self._say(template, facts_of(thing), scene.style[thing.cell], rng)
        return _sentence(words)

    def question(self, scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
        """A question about one object or the whole scene, and its answer in one word."""
        thing = scene.things[int(rng.integers(scene.count))]
        facts = facts_of(thing)
        kind = ("colour", "shape", "size", "count", "background")[int(rng.integers(5))]
        place = f"{lexicon.ROWS[facts['row']][0]} {lexicon.COLUMNS[facts['column']][0]}"
        if kind == "count":
            facts, question = (
                {"count": scene.count - lexicon.MIN_COUNT},
                "how many objects are there?",
            )
        elif kind == "background":
            facts, question = {"background": scene.background}, "what colour is the background?"
        else:
            question = f"what {kind} is the object at the {place}?"
        (answer,) = self._say([(f"<{kind}>",)], facts, scene.style[thing.cell], rng)
        return question, answer

    def _say(
        self,
        template: list[tuple[str, ...]] | tuple[tuple[str, ...], ...],
        facts: dict[str, int],
        style: np.ndarray,
        rng: np.random.Generator,
    ) -> list[str]:
        return [self._choose(slot, facts, style, rng) for slot in template]

    def _choose(
        self,
        slot: tuple[str, ...],
        facts: dict[str, int],
        style: np.ndarray,
        rng: np.random.Generator,
    ) -> str:
        if slot[0].startswith("<"):
            name = slot[0].strip("<>")
            slot = lexicon.FACTS[name][facts[name]]
        if len(slot) == 1:
            return slot[0]
        noisy = self.sharpness * self._maps[slot] @ style + rng.gumbel(size=len(slot))
        return slot[int(np.argmax(noisy))]


def _sentence(words: list[str]) -> str:
    return " ".join(words).replace(" .", ".").replace(" ,", ",")


def facts_of(thing: Thing) -> dict[str, int]:
    """The facts that a sentence about an object states, as indices into `lexicon.FACTS`."""
    return {
        "row": thing.cell // 3,
        "column": thing.cell % 3,
        "size": thing.size,
        "colour": thing.colour,
        "shape": thing.shape,
    }
