"""Pictures of a benchmark's summary: evidence by suspect, and what attacks on images leave of it.

Knows nothing of rows or models.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from sif.eval.bench.summary import Line
from sif.files import write_atomically

COLOURS: Final = ("#0b5c8f", "#c4661f", "#0b7a55", "#8a3ba8", "#6b6f00", "#b02a4a", "#4a4f57")
ROW_INCHES: Final = 0.28


def write_plots(folder: Path, lines: Sequence[Line]) -> list[Path]:
    """Writes suspects.svg and image-attacks.svg.

    Args:
        folder: for the files.
        lines: of `summarise`.

    Raises:
        StorageError: the disk refuses.
    """
    plain = [line for line in lines if line.image_attack == "none"]
    source = [line for line in lines if line.role == "source"]
    drawn = {
        "suspects.svg": _bars(plain, [line.suspect for line in plain], "suspect"),
        "image-attacks.svg": _bars(source, [line.image_attack for line in source], "the source"),
    }
    for name, data in drawn.items():
        write_atomically(folder / name, data)
    return [folder / name for name in drawn]


def _bars(lines: Sequence[Line], labels: Sequence[str], title: str) -> bytes:
    """Horizontal bars of the evidence, a group for every label and a bar in it for every method."""
    from matplotlib.figure import Figure

    methods = list(dict.fromkeys(line.method for line in lines))
    groups = list(dict.fromkeys(labels))
    height = 1.2 + ROW_INCHES * max(1, len(groups)) * max(1, len(methods))
    figure = Figure(figsize=(8, height), layout="constrained")
    axes: Any = figure.subplots()
    for number, method in enumerate(methods):
        some = [(groups.index(x), line) for x, line in zip(labels, lines, strict=True)]
        mine = [(place, line.evidence) for place, line in some if line.method == method]
        places = np.array([place for place, _ in mine]) + 0.8 * (number + 0.5) / len(methods) - 0.4
        axes.barh(
            places,
            [evidence for _, evidence in mine],
            height=0.8 / len(methods),
            color=COLOURS[number % len(COLOURS)],
            label=method,
        )
    axes.set_yticks(range(len(groups)), groups)
    axes.invert_yaxis()
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.set_xlabel("log10 e-value per trigger")
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    if methods:
        axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
