"""The figures that an owner reads first: what each method reaches, and at what price.

A figure is a mean over families and seeds. Knows nothing of models or tables.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from sif.eval.metrics import Estimate, green_excess, mean_of
from sif.eval.triggers.calibrated import calibrated_audits
from sif.eval.triggers.rows import Cell, Cost, Portrait, Rows
from sif.eval.triggers.summary import Line, audits_of, counts_of, null_of, summarise

TUNED: Final = ("lora-same", "full-same", "full-same-b")
REACHED: Final = ("source", "int8", "nf4", *TUNED)
KEPT: Final = (
    ("int8", "none"),
    ("nf4", "none"),
    ("pruned-40", "none"),
    ("source", "jpeg:75"),
    ("source", "resize:0.5"),
)
KIN: Final = ("stranger", "sibling")  # of the mini models; other innocents are just that
GROUPS: Final = ("copies", *(f"{kin}s" for kin in KIN), "innocents")
SPLITS: Final = ("held out", "tuning")
R = TypeVar("R", Cost, Portrait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number for every method.

    Attributes:
        name: what it is.
        tuning: whether it comes from suspects that recipes may be chosen by.
        shown: for people, by method; a dash where there is none.
        values: numbers whose ratio to the reference means something, by method.
    """

    name: str
    tuning: bool
    shown: Mapping[str, str]
    values: Mapping[str, float]


def figures(rows: Rows) -> Iterator[Figure]:
    """All figures for which the rows hold something."""
    lines = {(line.method, line.suspect, line.image_attack): line for line in summarise(rows.cells)}
    for suspect in ("source", *TUNED):
        yield from _figure(lines, f"evidence, {suspect}", suspect, "none", _evidence)
    for suspect in TUNED:
        yield from _figure(lines, f"match, {suspect}", suspect, "none", _match)
    for suspect, attack in KEPT:
        yield from _kept(lines, suspect, attack)
    for suspect in REACHED:
        yield from _figure(lines, f"triggers to 10⁻⁶, {suspect}", suspect, "none", _needed)
    plain = [cell for cell in rows.cells if cell.image_attack == "none"]
    for group in GROUPS:
        for split in SPLITS:
            some = [cell for cell in plain if (_group(cell), cell.split) == (group, split)]
            shown = {"tuning": split == "tuning"}
            if group != "copies":
                yield from _of_cells(f"green rate − γ, {group}", some, _excess, **shown)
            yield from _of_cells(f"DERIVED, {group}", some, _accused, **shown)
    yield from _calibrated(plain)
    yield from _making(lines, rows.costs)
    yield from _portraits(rows.portraits)


Lines = Mapping[tuple[str, str, str], Line]
"""By method, suspect and attack on images."""

Shown = tuple[str, float | None]
"""For people, and as a number where its ratio to another means something."""


def _figure(
    lines: Lines, name: str, suspect: str, attack: str, read: Callable[[Line], Shown]
) -> Iterator[Figure]:
    those = [
        line for line in lines.values() if (line.suspect, line.image_attack) == (suspect, attack)
    ]
    tuning = any(line.split == "tuning" for line in those)
    yield from _shown(name, {line.method: read(line) for line in those}, tuning=tuning)


def _shown(name: str, found: Mapping[str, Shown], *, tuning: bool = False) -> Iterator[Figure]:
    """A figure, unless no method has anything to show in it."""
    if any(text != "–" for text, _ in found.values()):
        yield Figure(
            name=name,
            tuning=tuning,
            shown={method: text for method, (text, _) in found.items()},
            values={method: value for method, (_, value) in found.items() if value is not None},
        )


def _evidence(line: Line) -> Shown:
    return ("–", None) if line.evidence is None else (f"{line.evidence:.2f}", line.evidence)


def _match(line: Line) -> Shown:
    share = line.match
    if share is None:
        return "–", None
    return f"{share.share:.2f} ({share.low:.2f}–{share.high:.2f})", share.share


def _needed(line: Line) -> Shown:
    if line.evidence is None:
        return "–", None
    return ("more", None) if line.needed is None else (f"{line.needed:g}", line.needed)


def _kept(lines: Lines, suspect: str, attack: str) -> Iterator[Figure]:
    """The share of the source's evidence that is left."""

    def read(line: Line) -> Shown:
        whole = lines.get((line.method, "source", "none"))
        if line.evidence is None or whole is None or whole.evidence is None:
            return "–", None
        if whole.evidence <= 0:
            return "–", None
        share = line.evidence / whole.evidence
        return f"{share:.0%}", share

    what = suspect if attack == "none" else attack
    yield from _figure(lines, f"evidence kept, {what}", suspect, attack, read)


def _group(cell: Cell) -> str | None:
    """Copies, or what kind of innocents a suspect is among; none for the source."""
    if cell.role != "innocent":
        return "copies" if cell.role == "copy" else None
    return next((f"{kin}s" for kin in KIN if cell.suspect.startswith(kin)), "innocents")


def _of_cells(
    name: str, cells: Sequence[Cell], read: Callable[[Sequence[Cell]], Shown], *, tuning: bool
) -> Iterator[Figure]:
    found = {method: read(some) for method, some in _cells_of(cells).items()}
    yield from _shown(name, found, tuning=tuning)


def _calibrated(cells: Sequence[Cell]) -> Iterator[Figure]:
    """How many would be found to be copies where transfer is excluded as well."""
    audits = {method: calibrated_audits(some) for method, some in _cells_of(cells).items()}
    for split in SPLITS:
        for group in GROUPS:
            found: dict[str, Shown] = {}
            for method, some in audits.items():
                key = (group, split)
                those = [one.derived for one in some if (_group(one.cell), one.cell.split) == key]
                found[method] = f"{sum(those)} of {len(those)}" if those else "–", None
            what = f"DERIVED with transfer excluded, {group}"
            yield from _shown(what, found, tuning=split == "tuning")


def _cells_of(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """By method."""
    methods = dict.fromkeys(cell.method for cell in cells)
    return {method: [cell for cell in cells if cell.method == method] for method in methods}


def _excess(cells: Sequence[Cell]) -> Shown:
    null = null_of(cells)
    if null is None:
        return "–", None
    clusters: dict[tuple[str, int, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        clusters[cell.family, cell.seed, cell.trigger].append(cell)
    found = green_excess([counts_of(some) for some in clusters.values()], gamma=null.gamma)
    return _estimate(found, scale=1.0, digits=3), None


def _accused(cells: Sequence[Cell]) -> Shown:
    audits: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        audits[cell.suspect, cell.family].append(cell)
    found = [derived for some in audits.values() for derived in audits_of(some)]
    return f"{sum(found)} of {len(found)}" if found else "–", None


def _making(lines: Lines, costs: Sequence[Cost]) -> Iterator[Figure]:
    """Seconds for a trigger, and what the source gives for each of them."""
    taken = _by_method(costs, lambda cost: cost.seconds)
    seconds = {method: float(np.mean(values)) for method, values in taken.items()}
    yield from _shown("seconds a trigger", {m: (f"{v:.2f}", v) for m, v in seconds.items()})
    rates: dict[str, Shown] = {}
    for method, value in seconds.items():
        line = lines.get((method, "source", "none"))
        if line is not None and line.evidence is not None:
            rate = line.evidence / value
            rates[method] = f"{rate:.3g}", rate
    tuning = any(line.split == "tuning" for line in lines.values() if line.suspect == "source")
    yield from _shown("evidence a second, source", rates, tuning=tuning)


def _portraits(portraits: Sequence[Portrait]) -> Iterator[Figure]:
    """Truthfulness and stealth."""

    def shown(
        name: str,
        read: Callable[[Portrait], float | None],
        tell: Callable[[list[float]], Shown],
    ) -> Iterator[Figure]:
        yield from _shown(name, {m: tell(v) for m, v in _by_method(portraits, read).items()})

    def share(values: list[float]) -> Shown:
        return _estimate(_within(mean_of(values), 0.0), scale=100.0, digits=1), None

    def difference(values: list[float]) -> Shown:
        return _estimate(_within(mean_of(values), -1.0), scale=100.0, digits=1), None

    def likeness(values: list[float]) -> Shown:
        return f"{np.mean(values):.3f}", float(np.mean(values))

    yield from shown("facts right, trigger (%)", lambda it: it.facts, share)
    yield from shown("facts right, base image (%)", lambda it: it.base_facts, share)
    yield from shown("facts, difference in points", _lost, difference)
    yield from shown(
        "largest change (1/255)",
        lambda it: float(it.largest_change),
        lambda v: (f"{max(v):g}", None),
    )
    yield from shown("PSNR (dB)", lambda it: it.psnr, lambda v: (f"{np.mean(v):.1f}", None))
    yield from shown("SSIM", lambda it: it.ssim, likeness)
    yield from shown("HaarPSI", lambda it: it.haarpsi, likeness)


def _lost(portrait: Portrait) -> float | None:
    if portrait.facts is None or portrait.base_facts is None:
        return None
    return portrait.facts - portrait.base_facts


def _by_method(rows: Sequence[R], read: Callable[[R], float | None]) -> dict[str, list[float]]:
    """What is read from the rows of each method, without what is missing."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        value = read(row)
        if value is not None:
            found[row.method].append(value)
    return found


def _within(estimate: Estimate | None, least: float) -> Estimate | None:
    """Student's interval without the part that no share (from `least` to 1) can have."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return estimate
    return estimate._replace(low=max(estimate.low, least), high=min(estimate.high, 1.0))


def _estimate(estimate: Estimate | None, *, scale: float, digits: int) -> str:
    if estimate is None:
        return "–"
    value, low, high = (None if x is None else f"{scale * x:.{digits}f}" for x in estimate)
    return f"{value}" if low is None else f"{value} ({low} to {high})"
