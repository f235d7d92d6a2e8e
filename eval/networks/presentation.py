"""How the comparison of fingerprints is shown: means over seeds with their intervals, and a figure.

Knows nothing of networks.
"""

from collections.abc import Callable, Sequence
from itertools import cycle
from statistics import fmean
from typing import Final, NamedTuple

from sif import markdown
from sif.eval.metrics import Estimate, mean_of
from sif.eval.networks.scores import CellRows, Score
from sif.eval.networks.sets import LEARNT, REMOVED
from sif.networks.curve import aruc, auc, rate_at_no_false_positive
from sif.plotting import COLOURS, as_svg, new_figure, plain


class Sample(NamedTuple):
    """Scores of one contender on one cell, or whatever else was read from its rows.

    Attributes:
        weights: of copies that hold the protected network's weights, changed.
        learnt: of distilled and extracted copies.
        removed: of copies whose fingerprint was to be removed, which no measure of copies counts.
        others: of independent networks.
        by_theft: scores of copies by theft.
    """

    weights: list[float]
    learnt: list[float]
    removed: list[float]
    others: list[float]
    by_theft: dict[str, list[float]]

    @property
    def copies(self) -> list[float]:
        """All of them but for those of removal."""
        return self.weights + self.learnt


Measure = Callable[[Sample], float]
Read = Callable[[Score], float | None]
MEASURES: Final[dict[str, Measure]] = {
    "AUC": lambda it: auc(it.copies, it.others),
    "copies of weights": lambda it: auc(it.weights, it.others),
    "distilled, extracted": lambda it: auc(it.learnt, it.others),
    "TPR at no FP": lambda it: rate_at_no_false_positive(it.copies, it.others),
    "of copies of weights": lambda it: rate_at_no_false_positive(it.weights, it.others),
    "ARUC": lambda it: aruc(it.copies, it.others),
}

CLAIMED_AT: Final = 0.05
CLAIMS: Final[dict[str, Callable[[Sample], list[float]]]] = {
    "innocents": lambda it: it.others,
    "copies of weights": lambda it: it.weights,
    "distilled, extracted": lambda it: it.learnt,
    "removal": lambda it: it.removed,
}


def labels_of(cells: Sequence[CellRows]) -> list[str]:
    """Contenders in the order of the rows."""
    return list(dict.fromkeys(row.contender for cell in cells for row in cell.costs))


def score_of(row: Score) -> float:
    """What measures of separation are of."""
    return row.score


def claim_of(row: Score) -> float | None:
    """Whether a suspect is called a copy, as 0 or 1; None without a p-value."""
    return None if row.p_value is None else float(row.p_value <= CLAIMED_AT + 1e-9)


def sample(cell: CellRows, label: str, read: Read = score_of) -> Sample | None:
    """What a contender said on a cell; None where it did not take part or did not say that."""
    rows = [row for row in cell.scores if row.contender == label]
    found = [(row, value) for row in rows if (value := read(row)) is not None]
    if not found:
        return None
    thefts = dict.fromkeys(row.suspect for row in rows if row.copy_of_protected)
    by_theft = {name: [value for row, value in found if row.suspect == name] for name in thefts}
    apart = (*LEARNT, *REMOVED)
    return Sample(
        weights=[s for name, some in by_theft.items() if name not in apart for s in some],
        learnt=[s for name, some in by_theft.items() if name in LEARNT for s in some],
        removed=[s for name, some in by_theft.items() if name in REMOVED for s in some],
        others=[value for row, value in found if not row.copy_of_protected],
        by_theft=by_theft,
    )


def estimate(
    cells: Sequence[CellRows],
    label: str,
    measure: Measure,
    *,
    task: str | None = None,
    read: Read = score_of,
) -> Estimate | None:
    """Mean of a measure over the seeds of a task, with Student's 95% interval.

    Without a task: over seeds of the mean over tasks, of those seeds that all tasks have.
    """
    found: dict[int, dict[str, float]] = {}
    for cell in cells:
        scores = sample(cell, label, read)
        if scores is not None and task in (None, cell.task):
            found.setdefault(cell.seed, {})[cell.task] = measure(scores)
    tasks = {name for by_task in found.values() for name in by_task}
    whole = [list(by_task.values()) for by_task in found.values() if set(by_task) == tasks]
    return mean_of([sum(values) / len(values) for values in whole])


def as_tables(cells: Sequence[CellRows]) -> str:
    """All tables as Markdown."""
    tasks = list(dict.fromkeys(cell.task for cell in cells))
    parts = [_overview(cells, tasks)]
    parts += [_of_task(cells, task) for task in tasks]
    return "".join(parts)


def _overview(cells: Sequence[CellRows], tasks: Sequence[str]) -> str:
    head = ["AUC", "mean over tasks", *tasks]
    rows = []
    for label in labels_of(cells):
        of_tasks = [estimate(cells, label, MEASURES["AUC"], task=task) for task in tasks]
        everywhere = None not in of_tasks
        mean = estimate(cells, label, MEASURES["AUC"]) if everywhere else None
        rows.append([label, show(mean), *map(show, of_tasks)])
    return markdown.table(head, rows)


def _of_task(cells: Sequence[CellRows], task: str) -> str:
    own = [cell for cell in cells if cell.task == task]
    quality = mean_of([cell.protected_quality for cell in own])
    title = f"## {task}\n\nProtected network: {show(quality)} on unseen data.\n\n"
    measures = markdown.table(
        [task, *MEASURES, "seconds: networks, training"],
        [
            [
                label,
                *(show(estimate(own, label, measure, task=task)) for measure in MEASURES.values()),
                _seconds(own, label),
            ]
            for label in labels_of(own)
        ],
    )
    claims = _claims(own, task)
    thefts = list(dict.fromkeys(r.suspect for c in own for r in c.scores if r.copy_of_protected))
    by_theft = markdown.table(
        ["AUC by theft", *thefts],
        [[label, *(_one_theft(own, label, name) for name in thefts)] for label in labels_of(own)],
    )
    return "".join([title, measures, by_theft, claims, _qualities(own)])


def _claims(cells: Sequence[CellRows], task: str) -> str:
    """Shares that contenders with p-values call copies; no table where there are none."""
    said = {label: [sample(cell, label, claim_of) for cell in cells] for label in labels_of(cells)}
    claiming = {label: found for label, some in said.items() if (found := [s for s in some if s])}
    shown = {
        name: of
        for name, of in CLAIMS.items()
        if all(of(one) for some in claiming.values() for one in some)
    }
    rows = [
        [label, *(show(_share(cells, label, task, of)) for of in shown.values())]
        for label in claiming
    ]
    return markdown.table([f"called copies at p ≤ {CLAIMED_AT}", *shown], rows) if rows else ""


def _share(
    cells: Sequence[CellRows], label: str, task: str, of: Callable[[Sample], list[float]]
) -> Estimate | None:
    return estimate(cells, label, lambda it: fmean(of(it)), task=task, read=claim_of)


def _one_theft(cells: Sequence[CellRows], label: str, name: str) -> str:
    found = estimate(cells, label, lambda it: auc(it.by_theft[name], it.others))
    return markdown.MISSING if found is None else f"{found.value:.2f}"


def _qualities(cells: Sequence[CellRows]) -> str:
    """How good the suspects are: a useless copy is no theft."""
    first = labels_of(cells)[0]
    rows = [row for cell in cells for row in cell.scores if row.contender == first]
    kinds = dict.fromkeys(row.suspect for row in rows)
    told = [
        f"{kind} {sum(values) / len(values):.2f}"
        for kind in kinds
        for values in [[row.quality for row in rows if row.suspect == kind]]
    ]
    return f"Quality of the suspects on unseen data: {', '.join(told)}.\n\n"


def _seconds(cells: Sequence[CellRows], label: str) -> str:
    costs = [cost for cell in cells for cost in cell.costs if cost.contender == label]
    reasons = dict.fromkeys(cost.reason for cost in costs if cost.reason is not None)
    costs = [cost for cost in costs if cost.reason is None]
    if not costs:
        return f"no opinion: {'; '.join(reasons)}"
    networks = sum(cost.networks for cost in costs) / len(costs)
    training = sum(cost.training for cost in costs) / len(costs)
    return f"{networks:.1f}, {training:.1f}"


def show(estimate: Estimate | None) -> str:
    """As `0.950 (0.920 to 0.980)`; intervals are cut at 0 and 1, where measures end."""
    if estimate is None:
        return markdown.MISSING
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({max(0.0, estimate.low):.3f} to {min(1.0, estimate.high):.3f})"


def draw_numbers(cells: Sequence[CellRows], *, measure: str = "ARUC") -> bytes:
    """SVG: a panel for each task, a line for each method, with 95% intervals.

    Args:
        cells: of all tasks and seeds.
        measure: name of one of MEASURES.
    """
    tasks = list(dict.fromkeys(cell.task for cell in cells))
    sized = [label for label in labels_of(cells) if "×" in label]
    methods = list(dict.fromkeys(label.split(" ×")[0] for label in sized))
    figure = new_figure(2.6 * len(tasks) + 1.8, 2.9)
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    for panel, task in zip(panels, tasks, strict=True):
        for colour, method in zip(cycle(COLOURS), methods, strict=False):
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
                color=colour,
                marker="o",
                capsize=3,
                label=method,
            )
        panel.set(title=task, xlabel="real networks on each side", xscale="log", ylim=(0, 1.05))
        panel.set_xticks(numbers := sorted({int(label.split("×")[1]) for label in sized}))
        panel.set_xticklabels([str(number) for number in numbers])
        panel.minorticks_off()
        plain(panel)
    panels[0].set_ylabel(measure)
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(lines, names, fontsize="small", loc="outside right center")
    return as_svg(figure)
