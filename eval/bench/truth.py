"""How much of a scene an answer still states rightly, however its sentences are ordered.

`sif.eval.zoo.card.score_facts` takes sentences by their order and letters as they are, which is
right for a model's own words and unfair to those that were shuffled or put in capitals.
"""

import re

from sif.eval.zoo import lexicon
from sif.eval.zoo.world import Scene, facts_of

Facts = dict[str, int]


def facts_right(scene: Scene, text: str) -> float:
    """Share of right facts: shape, colour, size and place of every object, count, background.

    An object is looked for at its place: where no sentence speaks of that, all four are wrong.
    """
    stated = [_facts(sentence) for sentence in text.lower().split(".")]
    right: list[bool] = []
    for thing in scene.things:
        true = facts_of(thing)
        told = next((facts for facts in stated if _is_at(facts, true)), None)
        right.append(told is not None)
        right += [told is not None and told.get(n) == true[n] for n in ("shape", "colour", "size")]
    for name, value in (
        ("count", scene.count - lexicon.MIN_COUNT),
        ("background", scene.background),
    ):
        right.append(next((facts[name] for facts in stated if name in facts), None) == value)
    return sum(right) / len(right)


def _is_at(facts: Facts, true: Facts) -> bool:
    return "shape" in facts and all(facts.get(axis) == true[axis] for axis in ("row", "column"))


def _facts(sentence: str) -> Facts:
    """What a sentence states; the first of several words on one thing."""
    found = [lexicon.fact_of(word) for word in re.findall(r"[a-z]+", sentence)]
    return dict(fact for fact in reversed(found) if fact is not None)
