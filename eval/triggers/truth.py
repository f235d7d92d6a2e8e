"""How much of a scene an answer still states rightly, however its sentences are ordered.

`sif.eval.training.card.score_facts` takes sentences by their order and letters as they are,
which is right for a model's own words and unfair to those that were shuffled or put in capitals.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sif.mini import lexicon
from sif.mini.world import Scene, facts_of

Facts = dict[str, int]


class Truth(NamedTuple):
    """What an answer states rightly: shares, each of all that the scene holds of its kind.

    Attributes:
        facts: of all kinds together.
        shapes: of the objects, each at its place; none where not all objects were asked for.
        colours: likewise.
        places: likewise, of the objects themselves.
    """

    facts: float
    shapes: float | None = None
    colours: float | None = None
    places: float | None = None


def truth_of(scene: Scene, text: str, *, whole: bool = True) -> Truth:
    """What an answer states rightly of a scene.

    An object is looked for at its place: where no sentence speaks of that, all four of its facts
    are wrong. A sentence about several objects, as is left where full stops are taken out, is cut
    where it would state a fact of one kind again.

    Args:
        scene: what the picture shows.
        text: the answer.
        whole: whether number of objects and background are asked for too.
    """
    stated = [facts for sentence in text.lower().split(".") for facts in _statements(sentence)]
    right: dict[str, list[bool]] = {name: [] for name in ("place", "shape", "colour", "size")}
    for thing in scene.things:
        true = facts_of(thing)
        told = next((facts for facts in stated if _is_at(facts, true)), None)
        right["place"].append(told is not None)
        for name in ("shape", "colour", "size"):
            right[name].append(told is not None and told.get(name) == true[name])
    more = {"count": scene.count - lexicon.MIN_COUNT, "background": scene.background}
    for name, value in more.items() if whole else ():
        right[name] = [next((facts[name] for facts in stated if name in facts), None) == value]
    return Truth(
        facts=_share([hit for hits in right.values() for hit in hits]),
        shapes=_share(right["shape"]),
        colours=_share(right["colour"]),
        places=_share(right["place"]),
    )


def facts_right(scene: Scene, text: str) -> float:
    """Share of right facts: shape, colour, size and place of every object, count, background."""
    return truth_of(scene, text).facts


def word_right(wanted: str, text: str) -> bool:
    """Whether an answer's first fact is that of the wanted word, in any of its synonyms."""
    told = [fact for word in _words(text) if (fact := lexicon.fact_of(word)) is not None]
    return told[:1] == [lexicon.fact_of(wanted.strip(" ."))]


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def _is_at(facts: Facts, true: Facts) -> bool:
    return "shape" in facts and all(facts.get(axis) == true[axis] for axis in ("row", "column"))


def _statements(sentence: str) -> Iterator[Facts]:
    """What a sentence states; the first of several words on one thing."""
    found = [fact for word in _words(sentence) if (fact := lexicon.fact_of(word)) is not None]
    if sum(name == "shape" for name, _ in found) < 2:
        yield dict(reversed(found))
        return
    facts: Facts = {}
    for name, value in found:
        if name in facts:
            yield facts
            facts = {}
        facts[name] = value
    yield facts


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())
