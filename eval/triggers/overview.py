"""What a study of triggers found, as Markdown: figures and their ratios, cost, and everybody.

Knows nothing of how figures come about.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from sif.eval.triggers.figures import Figure, figures
from sif.eval.triggers.rows import Cost, Flagged, Outcome, Rows
from sif.eval.triggers.summary import Line
from sif.markdown import MISSING, number, percent, table
from sif.ownership.share import Share

REFERENCE: Final = "sif-release"
LEGEND: Final = (
    "Means over families and seeds; intervals are of 95%. Evidence: log10 of the e-value, for each "
    "trigger. Match: the published FMR, for methods that want answers the TMR. Innocents: their "
    "interval takes all answers to one trigger as one, and DERIVED counts audits whose e-value "
    "reached 10⁶ at some moment; with transfer excluded, also that against transfer 10², after a "
    "calibration on the innocents marked †. † comes from suspects that recipes may be chosen by."
    "\n\n"
)

UNTIMED: Final = (
    "Seconds leave out sets of triggers whose making was interrupted, as nobody measured all of "
    f"it; {MISSING} where that was every set of a method.\n\n"
)


def as_overview(rows: Rows) -> str:
    """Figures, ratios to the reference method where it took part, and what the triggers cost."""
    methods = list(dict.fromkeys(cost.method for cost in rows.costs))
    some = list(figures(rows))
    shown = [[_name(f), *(f.shown.get(method, MISSING) for method in methods)] for f in some]
    text = f"## Held out\n\n{LEGEND}{table(['', *methods], shown)}"
    if REFERENCE in methods and len(methods) > 1:
        ratios = [[_name(f), *_ratios(f, methods)] for f in some if _has(f)]
        text += f"## Ratio to {REFERENCE}\n\n{table(['', *methods], ratios)}"
    return text + _costs(rows.costs, methods) + _utility(rows.costs) + _hiding(rows.flagged)


def as_outcomes(outcomes: Sequence[Outcome]) -> str:
    """Whom the tables lack and why, and what that does to matches."""
    innocents = [outcome for outcome in outcomes if outcome.role == "innocent"]
    asked = sum(outcome.state == "asked" for outcome in innocents)
    said = f"The thresholds of the published FMR come from {asked} of {len(innocents)} innocents"
    said += "." if asked else ": every score passes, and a match means nothing."
    absent = [
        (one.name, one.role, one.state, " ".join((one.reason or "").replace("|", "\\|").split()))
        for one in outcomes
        if one.state != "asked"
    ]
    heads = ("not asked", "role", "state", "reason")
    return f"## Who was asked\n\n{said}\n\n" + (table(heads, absent) if absent else "")


def as_everybody(lines: Sequence[Line]) -> str:
    """All lines."""
    heads = ("method", "suspect", "image", "green", "evidence", "to 10⁻⁶", "match")
    rows = [
        (
            line.method,
            line.suspect + (" (held out)" if line.split == "held out" else ""),
            line.image_attack,
            number(line.green, digits=3),
            number(line.evidence),
            _needed(line),
            _share(line.match),
        )
        for line in lines
    ]
    return (
        "## Everybody\n\n"
        "Match: published FMR where words are counted, TMR (the wanted answer came) elsewhere.\n\n"
        + table(heads, rows)
    )


def _name(figure: Figure) -> str:
    return figure.name + (" †" if figure.tuning else "")


def _has(figure: Figure) -> bool:
    return figure.values.get(REFERENCE, 0.0) > 0 and len(figure.values) > 1


def _ratios(figure: Figure, methods: Sequence[str]) -> list[str]:
    whole = figure.values[REFERENCE]
    parts = [figure.values.get(method) for method in methods]
    return [number(None if part is None else part / whole) for part in parts]


def _costs(costs: Sequence[Cost], methods: Sequence[str]) -> str:
    heads = ["method", "s / trigger", "gradient passes / trigger", "weak", "batch", "where"]
    by_method = {method: [cost for cost in costs if cost.method == method] for method in methods}
    text = f"## Cost\n\n{table(heads, [_cost(m, some) for m, some in by_method.items()])}"
    if any(cost.seconds is None for cost in costs):
        text += UNTIMED
    times = [row for method, some in by_method.items() for row in _times(method, some)]
    heads = ["", "forward", "backward", "decoding", "rest"]
    return text + (f"## Where the time goes\n\n{table(heads, times)}" if times else "")


def _times(method: str, costs: Sequence[Cost]) -> list[list[str]]:
    """Where the seconds of a method go; no row where it was not measured."""
    known = [cost for cost in costs if cost.forward_seconds is not None]
    whole = sum(cost.seconds or 0.0 for cost in known)
    if not whole:
        return []
    parts = [
        sum(cost.forward_seconds or 0.0 for cost in known) / whole,
        sum(cost.backward_seconds or 0.0 for cost in known) / whole,
        sum(cost.decoding_seconds or 0.0 for cost in known) / whole,
    ]
    return [[method, *(percent(part) for part in [*parts, 1 - sum(parts)])]]


def _cost(method: str, costs: Sequence[Cost]) -> list[str]:
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    passes = [c.gradient_passes / c.triggers for c in costs if c.gradient_passes is not None]
    weak, triggers = sum(cost.weak for cost in costs), sum(cost.triggers for cost in costs)
    means = [float(np.mean(values)) if values else None for values in (seconds, passes)]
    batches = ", ".join(dict.fromkeys(str(cost.batch_size) for cost in costs))
    where = "; ".join(dict.fromkeys(_where(cost) for cost in costs))
    shown = [number(mean, digits=1) for mean in means]
    return [method, *shown, f"{weak} of {triggers}", batches, where]


def _utility(costs: Sequence[Cost]) -> str:
    """What is still right in the answers of sources that a method changed."""
    rows = [
        (
            cost.family,
            cost.method,
            str(cost.seed),
            percent(cost.facts_before),
            percent(cost.facts_after),
        )
        for cost in costs
        if cost.facts_before is not None and cost.facts_after is not None
    ]
    heads = ("family", "method", "keys", "facts right before", "and after")
    said = "Methods that change the source; its copies are made of what they make of it.\n\n"
    return f"## What marking costs\n\n{said}{table(heads, rows)}" if rows else ""


def _hiding(flagged: Sequence[Flagged]) -> str:
    """What a thief notices who compares with an innocent, by method and signal."""
    groups: dict[tuple[str, str, str], list[Flagged]] = {}
    for row in flagged:
        groups.setdefault((row.method, row.reference, row.signal), []).append(row)
    rows = [
        (*key, *(percent(flags / asked) if asked else MISSING for flags, asked in _counts(some)))
        for key, some in groups.items()
    ]
    heads = ("method", "behind", "signal", "triggers flagged", "ordinary questions flagged")
    said = "The semantic divergence attack, limits for 5% of false alarms by all signals.\n\n"
    return f"## What a thief notices\n\n{said}{table(heads, rows)}" if rows else ""


def _counts(rows: Sequence[Flagged]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Flagged and asked, of triggers and of ordinary questions."""
    triggers = sum(row.flagged for row in rows), sum(row.triggers for row in rows)
    return triggers, (sum(row.benign_flagged for row in rows), sum(row.benign for row in rows))


def _where(cost: Cost) -> str:
    threads = f"{cost.threads} thread" + ("s" if cost.threads > 1 else "")
    return f"{cost.device}, {threads}" + (f", {cost.jobs} jobs" if cost.jobs > 1 else "")


def _needed(line: Line) -> str:
    if line.evidence is None:
        return MISSING
    return "more" if line.needed is None else f"{line.needed:g}"


def _share(share: Share | None) -> str:
    return "" if share is None else f"{share.share:.2f} ({share.low:.2f}–{share.high:.2f})"
