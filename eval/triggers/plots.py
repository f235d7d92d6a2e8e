"""Pictures of a benchmark's summary: evidence by suspect and by attack on images, and its price.

Methods without green lists have no evidence and are not drawn. Knows nothing of rows or models.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from sif.eval.triggers.rows import Cost
from sif.eval.triggers.summary import Line
from sif.plotting import COLOURS, as_svg, new_figure, plain

BAR_INCHES: Final = 0.16
CELL_INCHES: Final = 0.55, 0.3


def plots(lines: Sequence[Line], costs: Sequence[Cost]) -> dict[str, bytes]:
    """suspects.svg, image-attacks.svg, heatmap.svg and cost.svg.

    Args:
        lines: of `summarise`.
        costs: of making the triggers.
    """
    drawn = [line for line in lines if line.evidence is not None]
    unattacked = [line for line in drawn if line.image_attack == "none"]
    source = [line for line in drawn if line.role == "source"]
    return {
        "suspects.svg": _bars(unattacked, [line.suspect for line in unattacked], "suspects"),
        "image-attacks.svg": _bars(source, [line.image_attack for line in source], "the source"),
        "heatmap.svg": _heatmap(drawn),
        "cost.svg": _cost([line for line in source if line.image_attack == "none"], costs),
    }


def _bars(lines: Sequence[Line], labels: Sequence[str], title: str) -> bytes:
    """Horizontal bars of the evidence, a group for every label and a bar in it for every method."""
    methods, groups = _methods(lines), list(dict.fromkeys(labels))
    height = 1.4 + BAR_INCHES * max(1, len(groups)) * (max(1, len(methods)) + 1)
    figure = new_figure(8.0, height)
    axes: Any = figure.subplots()
    reach = len(methods) / (len(methods) + 1)
    for number, method in enumerate(methods):
        some = [(groups.index(x), line) for x, line in zip(labels, lines, strict=True)]
        mine = [(place, line.evidence) for place, line in some if line.method == method]
        shift = reach * ((number + 0.5) / len(methods) - 0.5)
        axes.barh(
            np.array([place for place, _ in mine]) + shift,
            [evidence for _, evidence in mine],
            height=reach / len(methods),
            color=COLOURS[number % len(COLOURS)],
            label=method,
        )
    axes.set_yticks(range(len(groups)), groups)
    axes.set_ylim(max(1, len(groups)) - 0.5, -0.5)
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.set_xlabel("log10 e-value per trigger")
    axes.set_title(title, loc="left")
    plain(axes)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    if methods:
        figure.legend(loc="outside upper right", ncols=min(4, len(methods)), frameon=False)
    return as_svg(figure)


def _heatmap(lines: Sequence[Line]) -> bytes:
    """Evidence by suspect and attack on images, a panel for every method, on one scale."""
    methods = _methods(lines)
    suspects = list(dict.fromkeys(line.suspect for line in lines))
    attacks = list(dict.fromkeys(line.image_attack for line in lines))
    columns = max(1, min(2, len(methods)))
    rows = max(1, -(-len(methods) // columns))
    width, height = (
        inches * max(1, len(names))
        for inches, names in zip(CELL_INCHES, (attacks, suspects), strict=True)
    )
    figure = new_figure(columns * (width + 1.3) + 1, rows * (height + 1.2))
    panels: Any = figure.subplots(rows, columns, squeeze=False)
    values = [0.0, *(line.evidence for line in lines if line.evidence is not None)]
    limit = max(map(abs, values)) or 1.0
    for panel, method in zip(panels.flat, methods, strict=False):
        mine = [line for line in lines if line.method == method]
        table = np.full((len(suspects), len(attacks)), np.nan)
        for line in mine:
            table[suspects.index(line.suspect), attacks.index(line.image_attack)] = line.evidence
        drawn = panel.imshow(table, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            if np.isfinite(value):
                ink = "white" if abs(value) > 0.6 * limit else "black"
                panel.text(
                    column, row, _short(value), ha="center", va="center", fontsize=7, color=ink
                )
        panel.set_xticks(range(len(attacks)), attacks, rotation=45, ha="right")
        panel.set_yticks(range(len(suspects)), suspects)
        panel.set_title(method, loc="left")
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    for panel in panels.flat[len(methods) :]:
        panel.set_axis_off()
    if methods:
        bar = figure.colorbar(
            drawn, ax=panels, label="log10 e-value per trigger", shrink=0.6, aspect=30
        )
        bar.ax.set_ylim(min(values), max(values) or limit)
    return as_svg(figure)


def _cost(source: Sequence[Line], costs: Sequence[Cost]) -> bytes:
    """A point for every method: seconds for a trigger, and the source's evidence for it."""
    from matplotlib.ticker import LogLocator, NullLocator

    taken: dict[str, list[float]] = defaultdict(list)
    for cost in costs:
        if cost.seconds is not None:
            taken[cost.method].append(cost.seconds)
    figure = new_figure(6.5, 4.5)
    axes: Any = figure.subplots()
    for number, line in enumerate(source):
        if line.method in taken:
            seconds = float(np.mean(taken[line.method]))
            axes.scatter(seconds, line.evidence, s=50, color=COLOURS[number % len(COLOURS)])
            axes.annotate(
                line.method,
                (seconds, line.evidence),
                xytext=(7, 4),
                textcoords="offset points",
                annotation_clip=False,
            )
    if taken and source:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(x=0.3, y=0.2)
    axes.axhline(0, color="#333333", linewidth=0.8)
    axes.set_xlabel("seconds a trigger")
    axes.set_ylabel("log10 e-value per trigger")
    axes.set_title("the source: evidence and its price", loc="left")
    plain(axes)
    return as_svg(figure)


def _methods(lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(line.method for line in lines))


def _short(value: float) -> str:
    text = f"{value:z.1f}" if abs(value) >= 1 else f"{value:z.2f}"
    return text.replace("-", "−")
