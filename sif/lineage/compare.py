"""How alike two models are in what no rearrangement of weights changes.

This is no proof with a bound on false claims: it is a measure for those who hold both weights,
and what it shows of copies and of others is measured (`sif bench lineage`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from sif.lineage.invariants import TERMS, Term, cosine
from sif.lineage.portrait import PartName, Portrait, View, portrait

Reading = Literal["one origin", "unclear", "no common origin seen", "not comparable"]
PARTS: Final[tuple[PartName, ...]] = ("language", "vision")
ONE_ORIGIN: Final = 0.75
NONE_SEEN: Final = 0.5
FEWEST: Final = 32
"""Probes in common."""


class PartLikeness(BaseModel):
    """One part of two models.

    Attributes:
        part: language or vision.
        likeness: mean cosine of the invariant terms over blocks and terms, in [-1, 1], of the view
            where it is largest; none where the parts cannot be compared.
        views: the same of every view that can be compared: rare words and common ones, or pixels.
            Where they are far apart, somebody may have written over the words of one of them.
        terms: of the same view for each term alone, over the blocks where it says something.
        blocks: of the one and of the other; where they differ in number, the best ones in order are
            compared.
        probes: vectors that both have by the same name, in that view.
        reading: in words, by `ONE_ORIGIN` and `NONE_SEEN`.
        reason: why the parts cannot be compared; empty where they can.
    """

    model_config = ConfigDict(frozen=True)

    part: PartName
    likeness: float | None = None
    views: Mapping[str, float] = {}
    terms: Mapping[str, float] = {}
    blocks: tuple[int, int] = (0, 0)
    probes: int = 0
    reading: Reading = "not comparable"
    reason: str = ""


class Lineage(BaseModel):
    """What `sif lineage` says of one model beside another."""

    model_config = ConfigDict(frozen=True)

    model: str
    other: str
    parts: tuple[PartLikeness, ...]


def compare_folders(model: str | Path, others: Sequence[str | Path]) -> list[Lineage]:
    """Compares a model with some others, one of them in memory at a time.

    Raises:
        ModelError: one of them cannot be read.
    """
    first = portrait(model)
    return [compare(first, portrait(other, words=first.words)) for other in others]


def compare(one: Portrait, other: Portrait) -> Lineage:
    """Compares what two models have in common."""
    parts = []
    for part in PARTS:
        mine, theirs = one.parts.get(part), other.parts.get(part)
        if mine is None and theirs is None:
            continue
        if mine is None or theirs is None:
            lacking = one.source if mine is None else other.source
            parts.append(PartLikeness(part=part, reason=f"{lacking} has none that can be read"))
            continue
        parts.append(_best(part, mine, theirs))
    return Lineage(model=one.source, other=other.source, parts=tuple(parts))


def _best(part: PartName, mine: Mapping[str, View], theirs: Mapping[str, View]) -> PartLikeness:
    """By the view where they are most alike: whoever spoils one of them hides nothing."""
    nothing = View((), ())
    each = {name: _likeness(part, view, theirs.get(name, nothing)) for name, view in mine.items()}
    views = {name: one.likeness for name, one in each.items() if one.likeness is not None}
    if not views:
        return max(each.values(), key=lambda one: one.probes)
    best = max(views, key=lambda name: views[name])
    return each[best].model_copy(update={"views": views})


def _likeness(part: PartName, mine: View, theirs: View) -> PartLikeness:
    place = {name: index for index, name in enumerate(theirs.probes)}
    common = [name for name in mine.probes if name in place]
    blocks = (len(mine.blocks), len(theirs.blocks))
    if len(common) < FEWEST:
        what = "words" if part == "language" else "pixels of a patch"
        return PartLikeness(
            part=part,
            blocks=blocks,
            probes=len(common),
            reason=f"{len(common)} {what} in common, of {FEWEST} at least",
        )
    at = {name: index for index, name in enumerate(mine.probes)}
    here = _only(mine.blocks, [at[name] for name in common])
    there = _only(theirs.blocks, [place[name] for name in common])
    each = _in_order(here, there)
    terms = {
        term: float(np.mean([one[term] for one in each if term in one]))
        for term in TERMS
        if any(term in one for one in each)
    }
    if not terms:
        reason = "no term that both have and that is neither constant nor beyond all numbers"
        return PartLikeness(part=part, blocks=blocks, probes=len(common), reason=reason)
    likeness = float(np.mean(list(terms.values())))
    return PartLikeness(
        part=part,
        likeness=likeness,
        terms=terms,
        blocks=blocks,
        probes=len(common),
        reading=read(likeness),
    )


def read(likeness: float) -> Reading:
    """The measure in words."""
    if likeness >= ONE_ORIGIN:
        return "one origin"
    return "unclear" if likeness > NONE_SEEN else "no common origin seen"


def _only(blocks: Sequence[Mapping[str, Term]], places: list[int]) -> list[dict[str, Term]]:
    return [{name: term[places][:, places] for name, term in block.items()} for block in blocks]


def _in_order(
    here: Sequence[Mapping[str, Term]], there: Sequence[Mapping[str, Term]]
) -> list[dict[str, float]]:
    """Cosines of blocks in pairs: one by one, or where their numbers differ, the best in order."""
    if len(here) == len(there):
        return [_cosines(one, other) for one, other in zip(here, there, strict=True)]
    if len(here) > len(there):
        here, there = there, here
    table = [[_cosines(one, other) for other in there] for one in here]
    alike = np.array([[np.mean([*cell.values()] or [0.0]) for cell in row] for row in table])
    return [table[row][column] for row, column in enumerate(best_order(alike))]


def _cosines(one: Mapping[str, Term], other: Mapping[str, Term]) -> dict[str, float]:
    each = {name: cosine(term, other[name]) for name, term in one.items() if name in other}
    return {name: found for name, found in each.items() if found is not None}


def best_order(alike: Float[np.ndarray, "short long"]) -> list[int]:
    """For each row its column, rising, with the largest sum.

    Args:
        alike: no more rows than columns.
    """
    rows, columns = alike.shape
    best = np.full((rows + 1, columns + 1), -np.inf)
    best[0] = 0.0
    for row in range(rows):
        for column in range(row, columns):
            taken = best[row, column] + alike[row, column]
            best[row + 1, column + 1] = max(best[row + 1, column], taken)
    chosen, column = [0] * rows, columns
    for row in reversed(range(rows)):
        while best[row + 1, column] == best[row + 1, column - 1]:
            column -= 1
        column -= 1
        chosen[row] = column
    return chosen
