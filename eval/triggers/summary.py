"""What the rows of a benchmark mean: one line for each method, suspect and attack on images.

A line takes all families and seeds together; the published threshold τ_i of a trigger comes from
the innocents' answers to the same picture under the same attack. Knows nothing of models.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10
from typing import Final

import numpy as np

from sif.eval.metrics import (
    evidence_per_trigger,
    green_rate,
    highest_evidence,
    published_matches,
    triggers_to_alpha,
)
from sif.eval.triggers.roster import Role, Split
from sif.eval.triggers.rows import Cell
from sif.ownership.null import HypergeometricNull, Null
from sif.ownership.share import Share, share_of
from sif.ownership.targets import TargetNull
from sif.watermark.greenlist.count import GreenCount, z_score

ALPHA: Final = 1e-6
"""Bound on a false claim: evidence of 10⁶ is DERIVED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one method reaches with one suspect under one attack on images.

    Attributes:
        triggers: asked, over all families and seeds.
        answered: of these.
        green: green share of all scored words, or share of parts that say what the key drew; none
            without answers, or where no key has a part.
        match: published FMR, with its interval; none for innocents, who set its thresholds. Of a
            method that wants answers its TMR, the share of answers that contain the wanted one.
        evidence: log10 e-value for each trigger, mean over families and seeds; none without green
            lists.
        needed: triggers to 1/α, the median over random orders, families and seeds; none where the
            triggers at hand do not suffice, or without green lists.
    """

    method: str
    suspect: str
    role: Role
    split: Split
    image_attack: str
    triggers: int
    answered: int
    green: float | None
    match: Share | None
    evidence: float | None
    needed: float | None


def summarise(cells: Sequence[Cell], *, alpha: float = ALPHA) -> list[Line]:
    """All lines, in the order of the rows.

    Args:
        cells: rows of a benchmark.
        alpha: bound that `needed` counts to.
    """
    matched = matches_of(cells)
    groups: dict[tuple[str, str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.method, cell.suspect, cell.image_attack].append(cell)
    return [_line(group, matched, alpha) for group in groups.values()]


def _line(group: Sequence[Cell], matched: dict[Cell, bool], alpha: float) -> Line:
    first = group[0]
    nulls = [(some, null_of(some)) for some in by_set(group)]
    found = [evidence_of(some) for some, _ in nulls]
    evidence = [value for value in found if value is not None]
    needed = [
        triggers_to_alpha(counts_of(some), null, alpha=alpha) or np.inf
        for some, null in nulls
        if null is not None
    ]
    median = float(np.median(needed)) if needed else np.inf
    thresholds = first.role == "innocent" and bool(needed) and first.matched is None
    return Line(
        method=first.method,
        suspect=first.suspect,
        role=first.role,
        split=first.split,
        image_attack=first.image_attack,
        triggers=len(group),
        answered=sum(cell.answered for cell in group),
        green=green_rate(counts_of(group)),
        match=None if thresholds else share_of(sum(matched[cell] for cell in group), len(group)),
        evidence=float(np.mean(evidence)) if evidence else None,
        needed=median if np.isfinite(median) else None,
    )


def by_set(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Cells of one family and seed together: what one suspect answers to them is one audit."""
    sets: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        sets[cell.family, cell.seed].append(cell)
    return list(sets.values())


def null_of(cells: Sequence[Cell]) -> Null | None:
    """What the answers to one set of triggers are bet against; none where no key has a part."""
    if cells[0].alternatives is not None:
        return TargetNull(alternatives=cells[0].alternatives)
    size, green = cells[0].vocabulary_size, cells[0].green_size
    if size is None or green is None:
        return None
    return HypergeometricNull(vocabulary_size=size, green_size=green)


def counts_of(cells: Iterable[Cell]) -> list[GreenCount]:
    """The green counts of those that have one."""
    return [
        GreenCount(green=cell.green, scored=cell.scored)
        for cell in cells
        if cell.green is not None and cell.scored
    ]


def evidence_of(cells: Sequence[Cell]) -> float | None:
    """log10 e-value of one set, for each trigger asked; none without green lists."""
    null = null_of(cells)
    if null is None:
        return None
    counts = counts_of(cells)
    return evidence_per_trigger(counts, null) * len(counts) / len(cells)


def highest_of(cells: Sequence[Cell]) -> float | None:
    """Largest log10 e-value on the way through one set; none without green lists."""
    null = null_of(cells)
    return None if null is None else highest_evidence(counts_of(cells), null)


def audits_of(cells: Iterable[Cell]) -> list[bool]:
    """For every set with green lists whether its audit, without calibration, would end DERIVED."""
    found = [highest_of(some) for some in by_set(cells)]
    return [highest >= -log10(ALPHA) for highest in found if highest is not None]


def matches_of(cells: Sequence[Cell]) -> dict[Cell, bool]:
    """For every cell whether its answer is the wanted one, or scores above all innocents' there."""
    asked: dict[tuple[str, str, int, str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        asked[asked_in(cell)].append(cell)
    found: dict[Cell, bool] = {}
    for group in asked.values():
        innocents = [[score_of(cell)] for cell in group if cell.role == "innocent"]
        for cell in group:
            if cell.matched is None:
                (found[cell],) = published_matches([score_of(cell)], innocents)
            else:
                found[cell] = cell.matched
    return found


def asked_in(cell: Cell) -> tuple[str, str, int, str, str]:
    """Which trigger was asked, and how its picture came: its answers are set beside each other."""
    return cell.family, cell.method, cell.seed, cell.image_attack, cell.trigger


def score_of(cell: Cell) -> float | None:
    """The green z-score of an answer; none without one."""
    if cell.green is None or not cell.scored or not (cell.green_size and cell.vocabulary_size):
        return None
    count = GreenCount(green=cell.green, scored=cell.scored)
    return z_score(count, gamma=cell.green_size / cell.vocabulary_size)
