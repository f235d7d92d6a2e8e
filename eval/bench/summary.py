"""What the rows of a benchmark mean: one line for each method, suspect and attack on images.

A line takes all families and seeds together; the published threshold τ_i of a trigger comes from
the innocents' answers to the same picture under the same attack. Knows nothing of models.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sif.eval.bench.results import Cell, Cost
from sif.eval.bench.roster import Role, Split
from sif.eval.metrics import (
    Share,
    evidence_per_trigger,
    green_rate,
    published_matches,
    share_of,
    triggers_to_alpha,
)
from sif.ownership.null import HypergeometricNull
from sif.watermark.greenlist.count import GreenCount, z_score


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one method reaches with one suspect under one attack on images.

    Attributes:
        triggers: asked, over all families and seeds.
        answered: of these.
        green: green share of all scored words; none without answers.
        match: published FMR, with its interval; none for innocents, who set its thresholds.
        evidence: log10 e-value for each trigger, mean over families and seeds.
        needed: triggers to 1/α, the median over random orders, families and seeds; none where the
            triggers at hand do not suffice.
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
    evidence: float
    needed: float | None


def summarise(cells: Sequence[Cell], *, alpha: float = 1e-6) -> list[Line]:
    """All lines, in the order of the rows.

    Args:
        cells: rows of a benchmark.
        alpha: bound that `needed` counts to.
    """
    matched = _matches(cells)
    groups: dict[tuple[str, str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.method, cell.suspect, cell.image_attack].append(cell)
    return [_line(group, matched, alpha) for group in groups.values()]


def _line(group: Sequence[Cell], matched: dict[Cell, bool], alpha: float) -> Line:
    first = group[0]
    sets: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    for cell in group:
        sets[cell.family, cell.seed].append(cell)
    evidence, needed = [], []
    for some in sets.values():
        null = HypergeometricNull(
            vocabulary_size=some[0].vocabulary_size, green_size=some[0].green_size
        )
        evidence.append(evidence_per_trigger(_counts(some), null) * len(_counts(some)) / len(some))
        reached = triggers_to_alpha(_counts(some), null, alpha=alpha)
        needed.append(np.inf if reached is None else reached)
    median = float(np.median(needed))
    counts = _counts(group)
    return Line(
        method=first.method,
        suspect=first.suspect,
        role=first.role,
        split=first.split,
        image_attack=first.image_attack,
        triggers=len(group),
        answered=len(counts),
        green=green_rate(counts),
        match=None
        if first.role == "innocent"
        else share_of(sum(matched[cell] for cell in group), len(group)),
        evidence=float(np.mean(evidence)),
        needed=median if np.isfinite(median) else None,
    )


def _counts(cells: Iterable[Cell]) -> list[GreenCount]:
    return [
        GreenCount(green=cell.green, scored=cell.scored)
        for cell in cells
        if cell.green is not None and cell.scored
    ]


def _matches(cells: Sequence[Cell]) -> dict[Cell, bool]:
    """For every cell whether its score exceeds those of all innocents on the same picture."""
    asked: dict[tuple[str, str, int, str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        key = (cell.family, cell.method, cell.seed, cell.image_attack, cell.trigger)
        asked[key].append(cell)
    found: dict[Cell, bool] = {}
    for group in asked.values():
        innocents = [[_score(cell)] for cell in group if cell.role == "innocent"]
        for cell in group:
            (found[cell],) = published_matches([_score(cell)], innocents)
    return found


def _score(cell: Cell) -> float | None:
    if cell.green is None or not cell.scored:
        return None
    count = GreenCount(green=cell.green, scored=cell.scored)
    return z_score(count, gamma=cell.green_size / cell.vocabulary_size)


def as_markdown(lines: Sequence[Line], costs: Sequence[Cost]) -> str:
    """The table for people, and what making cost."""
    head = "| method | suspect | image | green | evidence | to 10⁻⁶ | published FMR |\n"
    rows = [head, "|---|---|---|---|---|---|---|\n"]
    for line in lines:
        held = " (held out)" if line.split == "held out" else ""
        rows.append(
            f"| {line.method} | {line.suspect}{held} | {line.image_attack} | {_rate(line.green)} "
            f"| {line.evidence:.2f} | {_number(line.needed)} | {_share(line.match)} |\n"
        )
    rows += [
        "\n| method | s / trigger | gradient passes / trigger | weak |\n",
        "|---|---|---|---|\n",
    ]
    for method in dict.fromkeys(cost.method for cost in costs):
        rows.append(_cost(method, [cost for cost in costs if cost.method == method]))
    return "".join(rows)


def _cost(method: str, costs: Sequence[Cost]) -> str:
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    passes = [c.gradient_passes / c.triggers for c in costs if c.gradient_passes is not None]
    weak, triggers = sum(cost.weak for cost in costs), sum(cost.triggers for cost in costs)
    shown = [f"{np.mean(values):.1f}" if values else "–" for values in (seconds, passes)]
    return f"| {method} | {shown[0]} | {shown[1]} | {weak} of {triggers} |\n"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "more" if value is None else f"{value:g}"


def _share(share: Share | None) -> str:
    return "" if share is None else f"{share.share:.2f} ({share.low:.2f}–{share.high:.2f})"
