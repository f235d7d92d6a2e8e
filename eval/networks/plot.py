"""Figures of the benchmark: area under the curves against the number of real networks."""

import io
from collections.abc import Sequence

from sif.eval.networks.rows import CellRows
from sif.eval.networks.summary import MEASURES, estimate, labels_of


def draw_numbers(cells: Sequence[CellRows], *, measure: str = "ARUC") -> bytes:
    """SVG: a panel for each task, a line for each method, with 95% intervals.

    Args:
        cells: of all tasks and seeds.
        measure: name of a measure in `sif.eval.networks.summary`.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(cell.task for cell in cells))
    sized = [label for label in labels_of(cells) if "×" in label]
    methods = list(dict.fromkeys(label.split(" ×")[0] for label in sized))
    figure = Figure(figsize=(2.6 * len(tasks) + 1.8, 2.9), layout="constrained")
    FigureCanvasSVG(figure)
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    for panel, task in zip(panels, tasks, strict=True):
        for method in methods:
            points = [
                (int(label.split("×")[1]), found)
                for label in sized
                if label.startswith(f"{method} ×")
                and (found := estimate(cells, label, MEASURES[measure], task=task)) is not None
            ]
            reach = [0.0 if found.high is None else found.high - found.value for _, found in points]
            panel.errorbar(
                [number for number, _ in points],
                [found.value for _, found in points],
                yerr=reach,
                marker="o",
                capsize=3,
                label=method,
            )
        panel.set(title=task, xlabel="real networks on each side", xscale="log", ylim=(0, 1.05))
        panel.set_xticks(numbers := sorted({int(label.split("×")[1]) for label in sized}))
        panel.set_xticklabels([str(number) for number in numbers])
        panel.minorticks_off()
    panels[0].set_ylabel(measure)
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(lines, names, fontsize="small", loc="outside right center")
    target = io.BytesIO()
    figure.savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue()
