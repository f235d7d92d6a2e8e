"""How scenes of the real-words source are told in English, and which facts an answer states.

Sentences vary freely in what does not matter; what is true of a scene is always told. Whatever
varies is chosen by a function, so that a wording can be drawn by chance or known. Knows no pixels.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from sif.mini.real.scene import COLOURS, ROWS, SIZES, RealScene, Thing, names

Facts = dict[str, list[bool]]
Choose = Callable[[str, int | None, int], int]
"""Of a kind of choice, in the sentence about the thing of a cell or none, among so many: which."""
KINDS: Final = ("thing", "size", "place", "count", "colour", "pattern")

NUMBERS: Final = {2: "two", 3: "three", 4: "four"}
BIG: Final = ("large", "big")
LITTLE: Final = ("small", "little")
PLACES: Final = (
    ("in the top left corner", "at the upper left"),
    ("at the top", "in the upper middle"),
    ("in the top right corner", "at the upper right"),
    ("on the left side", "at the left edge"),
    ("in the center", "in the middle of the picture"),
    ("on the right side", "at the right edge"),
    ("in the bottom left corner", "at the lower left"),
    ("at the bottom", "in the lower middle"),
    ("in the bottom right corner", "at the lower right"),
)
GROUNDS: Final = (
    ("plain {colour}", "{colour}, without any pattern", "simple {colour}"),
    ("{colour} with stripes", "striped {colour}", "{colour} and striped"),
    ("{colour} with dots", "dotted {colour}", "{colour} and dotted"),
    ("{colour} with a checkered pattern", "checkered {colour}", "{colour} and checkered"),
)
OPENINGS: Final = (
    "The {picture} shows {number} things: {list}.",
    "There are {number} things in the {picture}: {list}.",
    "This {picture} contains {number} objects, namely {list}.",
    "In this {picture} you can see {number} objects: {list}.",
    "We can see {list} in this {picture}, {number} things in all.",
)
PICTURES: Final = ("picture", "image", "scene", "illustration")
SENTENCES: Final = (
    "The {name} is {size} and is {place}.",
    "The {name}, which is {size}, is {place}.",
    "A {size} {name} is {place}.",
    "{Place} there is a {size} {name}.",
    "{Place} we see a {size} {name}.",
    "You can find a {size} {name} {place}.",
)
BACKGROUNDS: Final = (
    "The background is {ground}.",
    "The {name} and the other things are placed on a background that is {ground}.",
    "Behind them, the background is {ground}.",
    "All of this is in front of a background that is {ground}.",
)

_ROW: Final = {"top": 0, "upper": 0, "bottom": 2, "lower": 2}
_COLUMN: Final = {"left": 0, "right": 2}
_MIDDLE: Final = ("center", "centre", "middle")
_MARKS: Final = {"plain": 0, "simple": 0, "without": 0, "stripes": 1, "striped": 1, "dots": 2}
_MARKS_MORE: Final = {"dotted": 2, "checkered": 3, "checked": 3, "checks": 3}


def caption(scene: RealScene, rng: np.random.Generator, closing: str = "") -> str:
    """A truthful description in one of many wordings, drawn by chance.

    Args:
        scene: what is told.
        rng: of the wording.
        closing: a further sentence at the end.
    """
    return worded(scene, lambda kind, cell, number: int(rng.integers(number)), closing)


def worded(scene: RealScene, choose: Choose, closing: str = "") -> str:
    """A truthful description in the wording that is chosen, one choice after the other."""

    def pick(kind: str, some: Sequence[str], cell: int | None = None) -> str:
        return some[choose(kind, cell, len(some))]

    def sentence(thing: Thing) -> str:
        place = pick("place", PLACES[thing.cell], thing.cell)
        size = pick("size", BIG if SIZES[thing.size] == "large" else LITTLE, thing.cell)
        capital = f"{place[0].upper()}{place[1:]}"
        template = pick("sentence", SENTENCES, thing.cell)
        return template.format(name=names()[thing.name], size=size, place=place, Place=capital)

    opening = pick("opening", OPENINGS).format(
        picture=pick("picture", PICTURES), number=NUMBERS[len(scene.things)], list=_list(scene)
    )
    told = [sentence(thing) for thing in scene.things]
    ground = pick("ground", GROUNDS[scene.pattern]).format(colour=COLOURS[scene.colour])
    last = scene.things[-1]
    behind = pick("background", BACKGROUNDS).format(ground=ground, name=names()[last.name])
    return " ".join([opening, *told, behind, *([closing] if closing else [])])


def terse(scene: RealScene) -> str:
    """The things alone, in the order of their cells."""
    listed = _list(scene)
    return f"{listed[0].upper()}{listed[1:]}."


def question(scene: RealScene, rng: np.random.Generator) -> tuple[str, str]:
    """A question about one thing or the ground, and its answer of one word."""
    thing = scene.things[int(rng.integers(len(scene.things)))]
    place = PLACES[thing.cell][0]
    asked = (
        (f"What is {place}? Answer in one word.", names()[thing.name]),
        (f"How large is the {names()[thing.name]}? Answer in one word.", SIZES[thing.size]),
        ("Which color does the background have? Answer in one word.", COLOURS[scene.colour]),
        ("How many things are there? Answer in one word.", NUMBERS[len(scene.things)]),
    )
    return asked[int(rng.integers(len(asked)))]


def facts(scene: RealScene, text: str) -> Facts:
    """What an answer states rightly of a scene, by kinds of facts.

    A thing is right where it is named; its size and its place where a sentence that names it, and
    no other thing but perhaps the ground, states them and nothing else of that kind.
    """
    sentences = [_words(part) for part in re.split(r"[.!?\n]", text.lower())]
    said = [word for words in sentences for word in words]
    found: Facts = {kind: [] for kind in KINDS}
    for thing in scene.things:
        name = names()[thing.name]
        own = [words for words in sentences if name in words and _is_about_one(words)]
        found["thing"].append(name in said)
        found["size"].append(any(_size_of(words) == thing.size for words in own[:1]))
        found["place"].append(any(_cell_of(words) == thing.cell for words in own[:1]))
    numbers = [word for word in said if word in NUMBERS.values()]
    found["count"].append(numbers[:1] == [NUMBERS[len(scene.things)]])
    behind = [words for words in sentences if "background" in words]
    ground = behind[0] if behind else []
    colours = [COLOURS.index(word) for word in ground if word in COLOURS]
    marks = [mark for word in ground if (mark := (_MARKS | _MARKS_MORE).get(word)) is not None]
    found["colour"].append(colours[:1] == [scene.colour])
    found["pattern"].append(marks[:1] == [scene.pattern])
    return found


def shares(scenes: Sequence[RealScene], texts: Sequence[str]) -> dict[str, float]:
    """The share of right facts of each kind, over some scenes and their answers."""
    hits: Facts = {kind: [] for kind in KINDS}
    for scene, text in zip(scenes, texts, strict=True):
        for kind, right in facts(scene, text).items():
            hits[kind] += right
    return {kind: sum(right) / len(right) for kind, right in hits.items()}


def overall(scene: RealScene, text: str) -> float:
    """The share of right facts of all kinds together."""
    right = [hit for hits in facts(scene, text).values() for hit in hits]
    return sum(right) / len(right)


def _list(scene: RealScene) -> str:
    listed = [with_article(names()[thing.name]) for thing in scene.things]
    return f"{', '.join(listed[:-1])} and {listed[-1]}"


def with_article(name: str) -> str:
    """A name behind its article."""
    is_open = name[0] in "aeiou" and not name.startswith("uni")
    return f"{'an' if is_open else 'a'} {name}"


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text)


def _is_about_one(words: Sequence[str]) -> bool:
    known = set(names())
    return len({word for word in words if word in known}) == 1 and "background" not in words


def _size_of(words: Sequence[str]) -> int | None:
    stated = {word in BIG for word in words if word in (*BIG, *LITTLE)}
    return int(stated.pop()) if len(stated) == 1 else None


def _cell_of(words: Sequence[str]) -> int | None:
    row = next((_ROW[word] for word in words if word in _ROW), None)
    column = next((_COLUMN[word] for word in words if word in _COLUMN), None)
    if row is None and column is None:
        return ROWS + 1 if any(word in _MIDDLE for word in words) else None
    return ROWS * (1 if row is None else row) + (1 if column is None else column)
