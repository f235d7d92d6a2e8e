"""Tables that other studies measure, from their folders: ActiveMark, MetaV and LiteGuard.

Where no folder is given, a row says what to type. Knows nothing of marks and networks themselves.
"""

import re
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from sif.errors import UsageError
from sif.eval.marks.results import Rows as MarkRows
from sif.eval.metrics import Estimate, mean_of
from sif.eval.networks.presentation import MEASURES, labels_of, sample
from sif.eval.networks.scores import CellRows
from sif.eval.paper.judgement import Judgement, Measured, judge_alone
from sif.eval.paper.literature import ElsewhereRow, ElsewhereTable
from sif.ownership.share import Share
from sif.plain_files import read_text_file
from sif.visible import visible

METHODS: Final = {"MetaV": "metav ×", "LiteGuard": "liteguard ×"}
"""How `sif bench metav` begins the labels of the published columns."""
BASELINES: Final = ("ADV-TRA", "IPGuard")
PRUNED: Final = "pruned-40"
IN_OR_OUT: Final = "the published figure beside our interval"
LONGEST: Final = 200
MOST_CELLS: Final = 1000
NO_TASK: Final = "`sif bench metav` has no such task"


class OtherRow(NamedTuple):
    """A row: published figures by column, ours as they are shown, and what became of it."""

    name: str
    here: str
    figures: dict[str, float]
    shown: dict[str, str]
    judgement: Judgement


class Other(NamedTuple):
    """A table; `columns` of its figures."""

    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[OtherRow, ...]


def other_table(table: ElsewhereTable, folder: Path | None) -> Other:
    """A table, read from the folder of the study that measures it.

    Raises:
        UsageError: the folder holds no findings of that study.
    """
    columns = tuple(dict.fromkeys(name for row in table.rows for name in row.figures))
    if folder is None:
        rows = [_not_run(row, table) for row in table.rows]
    elif table.id == "metav":
        cells = _cells(folder)
        rows = [_networks(row, table.leads, cells) for row in table.rows]
    else:
        found = _marks(folder)
        rows = [_mark(row, found) for row in table.rows]
    return Other(table.title, table.source, columns, tuple(rows))


def _not_run(row: ElsewhereRow, table: ElsewhereTable) -> OtherRow:
    command = table.command
    reason = f"not run here: `{command}`, then `--set {table.id}={command.split()[-1]}`"
    if table.id == "metav" and row.task is None:
        reason = NO_TASK
    if not row.figures:
        reason = f"its figures are lost to us; ours: `{command}`"
    return OtherRow(row.name, "", row.figures, {}, Judgement("not here", reason))


def _cells(folder: Path) -> list[CellRows]:
    files = sorted((folder / "cells").glob("*.json"))
    if not 0 < len(files) <= MOST_CELLS:
        raise UsageError(
            f"expected a folder of `sif bench metav` with --set metav, with 1 to {MOST_CELLS} "
            f"files in cells, got {len(files)} in {folder}"
        )
    try:
        cells = [CellRows.model_validate_json(read_text_file(file)) for file in files]
        _refuse_strange(cells)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(
            f"expected rows of this version's `sif bench metav` in {folder}, got others; run it "
            "again in a new folder"
        ) from error
    return cells


def _refuse_strange(cells: Sequence[CellRows]) -> None:
    """Rows that no study writes.

    Raises:
        ValueError: a task with a seed that counts twice, or a score that is no number.
    """
    known = [(cell.task, cell.seed) for cell in cells]
    if len(set(known)) < len(known):
        raise ValueError("expected every seed of a task once")
    if not all(isfinite(row.score) for cell in cells for row in cell.scores):
        raise ValueError("expected scores that are numbers")


def _networks(row: ElsewhereRow, leads: str, cells: Sequence[CellRows]) -> OtherRow:
    """Means over seeds; the order by the interval of the difference, seed by seed."""
    some = [cell for cell in cells if cell.task == row.task]
    if not some:
        reason = NO_TASK if row.task is None else f"{row.task} was not run"
        return OtherRow(row.name, row.task or "", row.figures, {}, Judgement("not here", reason))
    areas = {name: _areas(some, begin) for name, begin in METHODS.items()}
    common = [number for number in areas["MetaV"] if number in areas["LiteGuard"]]
    if not common:
        reason = "MetaV and LiteGuard were not both run"
        return OtherRow(row.name, row.task or "", row.figures, {}, Judgement("not here", reason))
    most = max(common, key=int)
    values = {name: found[most] for name, found in areas.items()}
    shown = {name: _estimate(mean_of(one)) for name, one in values.items()}
    (rival,) = (name for name in row.figures if name != leads)
    gap = mean_of([a - b for a, b in zip(values[leads], values[rival], strict=True)])
    judgement = _ordered(gap, f"{leads} above {rival}", row.figures[leads] - row.figures[rival])
    here = f"{row.task}, {most} networks a side, {len(values[leads])} seeds"
    return OtherRow(row.name, here, row.figures, shown, judgement)


def _areas(cells: Sequence[CellRows], begin: str) -> dict[str, list[float]]:
    """Areas under the curve of every seed, by the number of networks on each side."""
    labels = [o for o in labels_of(cells) if re.fullmatch(rf"{begin}[0-9]{{1,6}}", o)]
    found: dict[str, list[float]] = {}
    for label in labels:
        seen = [sample(cell, label) for cell in cells]
        if all(one is not None for one in seen):
            found[label.removeprefix(begin)] = [MEASURES["AUC"](one) for one in seen if one]
    return found


def _ordered(gap: Estimate | None, claim: str, published: float) -> Judgement:
    if gap is None or gap.low is None or gap.high is None:
        return Judgement("not here", "one seed does not tell")
    said = f"{claim} by {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}) here; {published:+.3f}"
    said += " published"
    if gap.low > 0:
        return Judgement("reproduced", said)
    if gap.high < 0 or not gap.low <= published <= gap.high:
        return Judgement("differs", said)
    return Judgement("not here", f"these seeds do not tell: {said}")


def _estimate(value: Estimate | None) -> str:
    if value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.value:.3f}"
    return f"{value.value:.3f} ({value.low:.3f}–{value.high:.3f})"


def _marks(folder: Path) -> MarkRows:
    try:
        return MarkRows.model_validate_json(read_text_file(folder / "results.json"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise UsageError(
            f"expected a folder of this version's `sif bench activemark`, got {folder}"
        ) from error


def _mark(row: ElsewhereRow, found: MarkRows) -> OtherRow:
    """Images detected in the published scheme, over all sources."""
    if row.suspects is None:
        methods = dict.fromkeys(one.method for one in found.compared if one.method in BASELINES)
        words = "; ".join(f"{name} {_copies(found, name)}" for name in methods) or "not compared"
        return OtherRow(row.name, words, {}, {}, Judgement("unpublished", "its figures are lost"))
    tuned = {one.suspect for one in found.suspects if one.accuracy is not None}
    wanted = tuned if row.suspects == "tuned" else {PRUNED}
    hits = {
        (one.source, one.suspect, one.image): one.detected
        for one in found.readings
        if one.mode == "paper" and one.role == "copy" and one.suspect in wanted
    }
    if not hits:
        return OtherRow(row.name, "", row.figures, {}, Judgement("not here", "not measured"))
    ((column, figure),) = row.figures.items()
    measured = Measured(sum(hits.values()), len(hits))
    share = measured.share
    shown = f"{share.share:.3f} ({share.low:.3f}–{share.high:.3f})"
    here = visible(f"{len(hits)} images: {', '.join(sorted(wanted))}", longest=LONGEST)
    judgement = _floor(figure, share) if row.floor else judge_alone(figure, measured, IN_OR_OUT)
    return OtherRow(row.name, here, row.figures, {column: shown}, judgement)


def _floor(figure: float, share: Share) -> Judgement:
    """Whether there are at least as many as published."""
    if share.low >= figure:
        return Judgement("reproduced", "at least as many")
    if share.high < figure:
        return Judgement("differs", "fewer")
    return Judgement("not here", "so few images do not tell whether they are as many")


def _copies(found: MarkRows, method: str) -> str:
    """The mean score of copies beside that of innocents."""
    means = []
    for role in ("copy", "innocent"):
        scores = [o.score for o in found.compared if (o.method, o.role) == (method, role)]
        means.append(f"{sum(scores) / len(scores):.2f}" if scores else "–")
    return f"{means[0]} in copies, {means[1]} in innocents"
