"""Pictures of the benchmark of ActiveMark: wrong bits, detection by suspect, detection by block."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sif.eval.marks.results import BlockRow, Reading, Rows
from sif.eval.marks.setting import WORDS
from sif.eval.marks.tables import detection_of
from sif.eval.triggers.plots import COLOURS
from sif.files import write_atomically

ROLES = {"copy": COLOURS[0], "removal": COLOURS[1], "innocent": COLOURS[6]}


def write_plots(folder: Path, rows: Rows) -> list[Path]:
    """Writes errors.svg, suspects.svg and blocks.svg.

    Raises:
        StorageError: the disk refuses.
    """
    pictures = {
        "errors.svg": _errors(rows.readings),
        "suspects.svg": _suspects(rows.readings),
        "blocks.svg": _blocks(rows.blocks),
    }
    for name, data in pictures.items():
        write_atomically(folder / name, data)
    return [folder / name for name in pictures]


def _errors(readings: Sequence[Reading]) -> bytes:
    """Histograms of D, a panel for each source and mode, coloured by role."""
    panels = list(dict.fromkeys((row.source, row.mode) for row in readings))
    figure = _figure(3.2 * max(1, len(_modes(readings))), 2.6 * max(1, len(_sources(readings))))
    grid: Any = figure.subplots(
        max(1, len(_sources(readings))), max(1, len(_modes(readings))), squeeze=False, sharex=True
    )
    for source, mode in panels:
        axes = grid[_sources(readings).index(source), _modes(readings).index(mode)]
        mine = [row for row in readings if (row.source, row.mode) == (source, mode)]
        bits = mine[0].bits
        for role, colour in ROLES.items():
            wrong = [row.wrong for row in mine if row.role == role]
            heights = np.bincount(wrong, minlength=bits + 1) / max(1, len(wrong))
            axes.step(range(bits + 1), heights, where="mid", color=colour, label=role)
        axes.set_title(f"{source}, {WORDS[mode]}", loc="left", fontsize=8)  # type: ignore[index]
        axes.set_xlabel("wrong bits D")
        _plain(axes)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
    return _svg(figure)


def _suspects(readings: Sequence[Reading]) -> bytes:
    """Detection rate of every suspect, a bar for each mode, a panel for each source."""
    names = list(dict.fromkeys(row.suspect for row in readings))
    figure = _figure(4.2 * max(1, len(_sources(readings))), 1.2 + 0.28 * len(names))
    grid: Any = figure.subplots(1, max(1, len(_sources(readings))), squeeze=False, sharey=True)
    for axes, source in zip(grid[0], _sources(readings), strict=True):
        for number, mode in enumerate(_modes(readings)):
            rates = [_rate(readings, source, mode, name) for name in names]
            places = np.arange(len(names)) + 0.27 * (number - 1)
            axes.barh(places, rates, height=0.25, color=COLOURS[number], label=mode)
        axes.set_yticks(range(len(names)), names, fontsize=7)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel(f"share of images detected, {source}")
        _plain(axes)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
    return _svg(figure)


def _blocks(blocks: Sequence[BlockRow]) -> bytes:
    """Detection before and after tuning, and the largest activations, by block."""
    sources = list(dict.fromkeys(row.source for row in blocks))
    figure = _figure(4.0 * max(1, len(sources)), 3.2)
    grid: Any = figure.subplots(1, max(1, len(sources)), squeeze=False)
    for axes, source in zip(grid[0], sources, strict=True):
        mine = [row for row in blocks if row.source == source]
        numbers = [row.block for row in mine]
        axes.plot(numbers, [row.detection for row in mine], "o-", color=COLOURS[0], label="marked")
        tuned = [row.tuned_detection for row in mine]
        axes.plot(numbers, tuned, "s--", color=COLOURS[1], label="fine-tuned")
        axes.set_ylim(-0.03, 1.03)
        axes.set_xticks(numbers)
        axes.set_xlabel(f"block of {source}")
        axes.set_ylabel("share of images detected")
        other = axes.twinx()
        other.bar(
            numbers, [row.magnitude for row in mine], width=0.3, color="#cccccc", label="top 5"
        )
        other.set_ylabel("mean of the 5 largest activations")
        axes.set_zorder(other.get_zorder() + 1)
        axes.patch.set_visible(False)
        axes.legend(frameon=False)
    return _svg(figure)


def _rate(readings: Sequence[Reading], source: str, mode: str, name: str) -> float:
    mine = [r for r in readings if (r.source, r.mode, r.suspect) == (source, mode, name)]
    return detection_of(mine) if mine else 0.0


def _sources(readings: Sequence[Reading]) -> list[str]:
    return list(dict.fromkeys(row.source for row in readings))


def _modes(readings: Sequence[Reading]) -> list[str]:
    return [mode for mode in WORDS if any(row.mode == mode for row in readings)]


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _svg(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
