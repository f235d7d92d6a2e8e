"""The lines as Markdown: everything of each attack, family by family. Knows no models."""

from collections.abc import Sequence
from typing import Final

from sif.eval.attacks.rows import AttackLine

HEADS: Final = (
    *(
        "attack",
        "answered",
        "green",
        "evidence",
        "kept",
        "match",
        "to 10⁻⁶",
        "DERIVED",
        "calibrated",
    ),
    *("utility", "facts", "shapes, colours, places", "theft", "slowdown"),
)
LEGEND: Final = (
    "Intervals are of 95%. Evidence: log10 of the e-value for each trigger, words counted alike; "
    "kept: of the unattacked source's. Match: the published FMR; τ is the largest score of the "
    "panel asked about the same picture. To 10⁻⁶: questions in the committed order, the median "
    "over sets of keys. DERIVED: sets whose e-value reached 10⁶; calibrated: those that an audit "
    "derives that was calibrated on the panel under the same attack on pictures. Utility: facts "
    "right in what the copy is for, on unseen scenes; facts: in ordinary descriptions of the "
    "source's world. Theft: processor seconds to change the weights; slowdown: processor time of "
    "an answer, 1 for plain serving, or how many models answer each question.\n"
)


def as_markdown(lines: Sequence[AttackLine]) -> str:
    """A section for each family: what was done to the source, then what innocents show."""
    text = ["# Attacks\n\n", LEGEND]
    for family in dict.fromkeys(line.family for line in lines):
        some = [line for line in lines if line.family == family]
        source = [line for line in some if line.suspect == "source"]
        text += [f"\n## {family}\n\n", *_header(HEADS), *map(_row, source)]
        innocents = [line for line in some if line.suspect != "source"]
        if innocents:
            heads = ("innocent", *HEADS[:9])
            text += [f"\n### {family}: innocents\n\n", *_header(heads)]
            text += [_joined([line.suspect, *_evidence(line)]) for line in innocents]
    return "".join(text)


def _header(heads: Sequence[str]) -> list[str]:
    return [_joined(heads), "|---" * len(heads) + "|\n"]


def _row(line: AttackLine) -> str:
    return _joined([*_evidence(line), *_price(line)])


def _evidence(line: AttackLine) -> list[str]:
    return [
        name_of(line),
        f"{line.answered / line.triggers:.0%}",
        _spread(line.green, line.green_low, line.green_high),
        number(line.evidence, 2),
        percent(line.kept),
        _spread(line.match, line.match_low, line.match_high),
        queries_of(line),
        f"{line.derived} of {line.sets}",
        f"{line.calibrated} of {line.sets}",
    ]


def _price(line: AttackLine) -> list[str]:
    three = (line.shapes, line.colours, line.places)
    theft = line.theft_seconds
    return [
        _spread(line.utility, line.utility_low, line.utility_high),
        percent(line.facts),
        ", ".join(map(percent, three)),
        "" if theft is None else f"{theft:.1f} s",
        _slowdown(line),
    ]


def _slowdown(line: AttackLine) -> str:
    if line.models > 1:
        return f"{line.models} models"
    return "" if line.slowdown is None else f"{line.slowdown:.2f}×"


def name_of(line: AttackLine) -> str:
    """The attack as it is typed; of several at once also what they are."""
    text = f"{line.attack}:{line.strength}" if line.strength else line.attack
    return f"`{text}`" + (f" ({line.parts})" if line.kind == "chains" else "")


def queries_of(line: AttackLine) -> str:
    """Questions to 10⁻⁶, or that they are more than were asked."""
    if line.queries is None:
        return f"more than {line.triggers // line.sets}"
    return f"{line.queries:g}"


def number(value: float, digits: int) -> str:
    """With a true minus sign, and none before zero."""
    return f"{value:z.{digits}f}".replace("-", "−")


def percent(value: float | None) -> str:
    """A share; a dash where there is none."""
    return "–" if value is None else f"{value:z.0%}".replace("-", "−")


def _spread(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "–"
    return percent(value) if low is None else f"{percent(value)} ({low:.0%}–{high:.0%})"


def _joined(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
