"""Whose words an answer's are: nearer to the source's own, or to those of a model that is not it?

A sibling leans to green on triggers that were made on the source, but it says so in words of its
own; a copy repeats the source's. Two answers are as **alike** as two shares are on average: that of
their words and marks that stand in both in the same order, 2·LCS/(n + m), and that of their pairs
of neighbours that stand in both, in whatever order (1 for the same words, 0 for none). With S the
likeness to the source's answer to the same picture, R_j that to each reference's, and R* that of
the source's own answer to the nearest reference's, the **contrast** of a trigger is a number from
0 to 1,

    s = min(1, max(0, (S − max_j R_j) / max(w, h·(1 − R*)))),

so 0 means that some reference is as near, and 1 that the suspect has at least the share h of what
tells the source from all references. A margin is counted, and not merely who is nearest, as the
words of one sibling are often a little nearer to the source's than to another sibling's; half a
tie would lift strangers, who are near to nobody. It is measured against what the source itself
shows, 1 − R*, as on some pictures nearly everybody says the same, and on others nobody does.
Where pictures may have been handled on their way (compressed, resized), each model answered each
kind, and its nearest answer counts; R* is the least of any kind. Only texts are compared: whoever
holds the answers can do it again, without any model. A model of the panel is measured with itself
left out of the references, like a suspect that none of them is. Knows texts only.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from math import fsum
from typing import Final

FULL: Final = 0.5
"""h, the share of what tells the source from all references that is a full contrast. Smaller ones
let siblings score by luck, larger ones lose copies tuned far away or asked behind JPEG."""
LEAST: Final = 0.05
"""w, below which no margin is a full contrast, however alike source and references are."""
LONGEST: Final = 20_000
"""Characters of an answer that are compared; no model says more about a picture."""
LETTERS: Final = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Of writings without spaces between words (Chinese, Japanese, Korean): each counts as a word."""
WORDS: Final = re.compile(rf"[{LETTERS}]|(?:(?![{LETTERS}])\w)+|[^\w\s]")

Texts = Sequence[str | None]
"""Answers of one model to the questions about one trigger, in their order; None for none."""


@lru_cache(maxsize=2048)
def words_of(text: str) -> tuple[str, ...]:
    """Words and marks as they are compared: without case, of the beginning of very long answers."""
    return tuple(WORDS.findall(text[:LONGEST].casefold()))


def nearness(first: Sequence[str], second: Sequence[str]) -> float:
    """Share of the words of two answers that stand in both in the same order, from 0 to 1.

    Args:
        first: of `words_of`.
        second: the same; an answer without words is near to nothing.
    """
    total = len(first) + len(second)
    return 2.0 * common(first, second) / total if total else 0.0


def likeness(first: Sequence[str], second: Sequence[str]) -> float:
    """How alike two answers are, by the order of their words and by pairs of neighbours, 0 to 1.

    An answer of one word has no pairs; then their order alone counts.

    Args:
        first: of `words_of`.
        second: the same; an answer without words is like nothing.
    """
    ordered = nearness(first, second)
    pairs, others = set(pairwise(first)), set(pairwise(second))
    if not (pairs or others):
        return ordered
    return (ordered + 2.0 * len(pairs & others) / (len(pairs) + len(others))) / 2.0


def common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, a bit for each word of `first` (Hyyrö, 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(first)) - 1
    open_places = full
    for word in second:
        met = open_places & places.get(word, 0)
        open_places = ((open_places + met) | (open_places - met)) & full
    return len(first) - open_places.bit_count()


def contrast(
    answers: Texts, source: Sequence[Texts], references: Mapping[str, Sequence[Texts]]
) -> float:
    """By how much a suspect's answers to one trigger are nearer to the source's, from 0 to 1.

    Args:
        answers: of the suspect.
        source: of the source, for every kind of handling.
        references: the same of every model that is known not to be derived, by its name.

    Returns:
        The contrast; 0 where there is nobody to compare with.
    """
    others = [texts for kinds in references.values() for texts in kinds]
    if not source or not others:
        return 0.0
    ours = max(_mean(answers, texts, _likeness) for texts in source)
    theirs = max(_mean(answers, texts, _likeness) for texts in others)
    told_apart = 1.0 - min(max(_mean(own, texts, _likeness) for texts in others) for own in source)
    return min(1.0, max(0.0, (ours - theirs) / max(LEAST, FULL * told_apart)))


def mean_nearness(first: Texts, second: Texts) -> float:
    """Of the answers of two models to the questions about a trigger that both answered.

    From 0 to 1; 0 where there is none.
    """
    return _mean(first, second, _nearness)


def _mean(first: Texts, second: Texts, alike: Callable[[str, str], float]) -> float:
    each = [
        alike(one, other)
        for one, other in zip(first, second, strict=True)
        if one is not None and other is not None
    ]
    return fsum(each) / len(each) if each else 0.0


@lru_cache(maxsize=65_536)
def _nearness(first: str, second: str) -> float:
    """Nearness of two answers; a calibration compares the same ones several times."""
    return nearness(words_of(first), words_of(second))


@lru_cache(maxsize=65_536)
def _likeness(first: str, second: str) -> float:
    return likeness(words_of(first), words_of(second))
