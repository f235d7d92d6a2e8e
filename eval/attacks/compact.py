"""The lines as short Markdown: one row for each attack, its strengths side by side, weak to strong.

Knows no models.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sif.eval.attacks.rows import AttackLine
from sif.eval.attacks.table import number, percent

HEADS: Final = (
    *("attack", "evidence", "kept", "match", "questions", "DERIVED, calibrated", "utility"),
    *("theft, s", "slower"),
)
LEGEND: Final = (
    "Strengths side by side, weak to strong. Questions: to 10⁻⁶, – where all triggers of a set do "
    "not suffice. DERIVED, calibrated: sets of keys without and with transfer excluded.\n"
)


def as_short_markdown(lines: Sequence[AttackLine]) -> str:
    """A table for each family, of what was done to the source."""
    text = ["## In short\n\n", LEGEND]
    for family in dict.fromkeys(line.family for line in lines):
        some = [line for line in lines if (line.family, line.suspect) == (family, "source")]
        text += [f"\n### {family}\n\n", _joined(HEADS), "|---" * len(HEADS) + "|\n"]
        for attack in dict.fromkeys(line.attack for line in some):
            text.append(_row([line for line in some if line.attack == attack]))
    return "".join(text)


def _row(some: Sequence[AttackLine]) -> str:
    strengths = ", ".join(line.strength for line in some if line.strength)
    return _joined(
        [
            f"`{some[0].attack}`" + (f" {strengths}" if strengths else ""),
            _each(some, lambda line: number(line.evidence, 2)),
            _each(some, lambda line: percent(line.kept)),
            _each(some, lambda line: "–" if line.match is None else f"{line.match:.2f}"),
            _each(some, lambda line: "–" if line.queries is None else f"{line.queries:g}"),
            _each(some, lambda line: f"{line.derived}/{line.calibrated}"),
            _each(some, lambda line: percent(line.utility)),
            _each(some, lambda line: _seconds(line.theft_seconds)),
            _each(some, _slower),
        ]
    )


def _each(some: Sequence[AttackLine], read: Callable[[AttackLine], str]) -> str:
    values = [read(line) for line in some]
    return ", ".join(values) if any(values) else ""


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _slower(line: AttackLine) -> str:
    if line.models > 1:
        return f"{line.models} models"
    return "–" if line.slowdown is None else f"{line.slowdown:.1f}×"


def _joined(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
