"""The overview of a benchmark as Markdown: figures and their ratios, a column a method, and cost.

Knows nothing of how figures come about.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from sif.eval.triggers.figures import Figure, figures
from sif.eval.triggers.results import Cost, Rows

REFERENCE: Final = "sif-release"
LEGEND: Final = (
    "Means over families and seeds; intervals are of 95%. Evidence: log10 of the e-value, for each "
    "trigger. Match: the published FMR, for methods that want answers the TMR. Innocents: their "
    "interval takes all answers to one trigger as one, and DERIVED counts audits whose e-value "
    "reached 10⁶ at some moment; with transfer excluded, also that against transfer 10², after a "
    "calibration on the innocents marked †. † comes from suspects that recipes may be chosen by."
    "\n\n"
)


def as_overview(rows: Rows) -> str:
    """Figures, ratios to the reference method where it took part, and what the triggers cost."""
    methods = list(dict.fromkeys(cost.method for cost in rows.costs))
    some = list(figures(rows))
    table = ["## Held out\n\n", LEGEND, *_header(methods)]
    table += [_row(_name(f), [f.shown.get(method, "–") for method in methods]) for f in some]
    if REFERENCE in methods and len(methods) > 1:
        table += [f"\n## Ratio to {REFERENCE}\n\n", *_header(methods)]
        table += [_row(_name(figure), _ratios(figure, methods)) for figure in some if _has(figure)]
    return "".join([*table, *_costs(rows.costs, methods)])


def _name(figure: Figure) -> str:
    return figure.name + (" †" if figure.tuning else "")


def _header(names: Sequence[str]) -> list[str]:
    return [_row("", names), "|---" * (len(names) + 1) + "|\n"]


def _row(name: str, entries: Sequence[str]) -> str:
    return f"| {' | '.join([name, *entries])} |\n"


def _has(figure: Figure) -> bool:
    return figure.values.get(REFERENCE, 0.0) > 0 and len(figure.values) > 1


def _ratios(figure: Figure, methods: Sequence[str]) -> list[str]:
    whole = figure.values[REFERENCE]
    parts = [figure.values.get(method) for method in methods]
    return ["–" if part is None else f"{part / whole:.2f}" for part in parts]


def _costs(costs: Sequence[Cost], methods: Sequence[str]) -> list[str]:
    columns = "| method | s / trigger | gradient passes / trigger | weak | batch | where |\n"
    rows = ["\n## Cost\n\n", columns, "|---" * 6 + "|\n"]
    rows += [_cost(m, [cost for cost in costs if cost.method == m]) for m in methods]
    return rows + _times(costs, methods)


def _times(costs: Sequence[Cost], methods: Sequence[str]) -> list[str]:
    """Where the seconds go, for the methods of which it was measured."""
    rows = ["\n## Where the time goes\n\n", _row("", ["forward", "backward", "decoding", "rest"])]
    rows.append("|---" * 5 + "|\n")
    for method in methods:
        known = [c for c in costs if c.method == method and c.forward_seconds is not None]
        whole = sum(cost.seconds or 0.0 for cost in known)
        if whole:
            parts = [
                sum(cost.forward_seconds or 0.0 for cost in known) / whole,
                sum(cost.backward_seconds or 0.0 for cost in known) / whole,
                sum(cost.decoding_seconds or 0.0 for cost in known) / whole,
            ]
            rows.append(_row(method, [f"{part:.0%}" for part in [*parts, 1 - sum(parts)]]))
    return rows if len(rows) > 3 else []


def _cost(method: str, costs: Sequence[Cost]) -> str:
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    passes = [c.gradient_passes / c.triggers for c in costs if c.gradient_passes is not None]
    weak, triggers = sum(cost.weak for cost in costs), sum(cost.triggers for cost in costs)
    shown = [f"{np.mean(values):.1f}" if values else "–" for values in (seconds, passes)]
    batches = ", ".join(dict.fromkeys(str(cost.batch_size) for cost in costs))
    where = "; ".join(dict.fromkeys(_where(cost) for cost in costs))
    return _row(method, [*shown, f"{weak} of {triggers}", batches, where])


def _where(cost: Cost) -> str:
    threads = f"{cost.threads} thread" + ("s" if cost.threads > 1 else "")
    return f"{cost.device}, {threads}" + (f", {cost.jobs} jobs" if cost.jobs > 1 else "")
