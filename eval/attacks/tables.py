"""The lines as Markdown: in short, in full, and what attacks on answers leave. Knows no models."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from sif.eval.attacks.grid import NONE, Attack
from sif.eval.attacks.lines import AttackLine, evidence_per_set
from sif.eval.attacks.questions import AttackCell
from sif.eval.triggers.summary import audits_of
from sif.markdown import MISSING, table

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
SHORT_HEADS: Final = (
    *("attack", "evidence", "kept", "match", "questions", "DERIVED, calibrated", "utility"),
    *("theft, s", "slower"),
)
SHORT_LEGEND: Final = (
    "Strengths side by side, weak to strong. Questions: to 10⁻⁶, – where all triggers of a set do "
    "not suffice. DERIVED, calibrated: sets of keys without and with transfer excluded.\n"
)
ANSWER_HEADS: Final = (
    *("attack on answers", "answered", "words", "evidence", "kept", "facts right", "DERIVED"),
)
ANSWER_LEGEND: Final = (
    "Of the same answers to triggers; facts right: of the trigger's own scene, 0 without an answer."
    "\n\n"
)


def as_short(lines: Sequence[AttackLine]) -> str:
    """One row for each attack on the source, its strengths side by side, weak to strong."""
    text = f"## In short\n\n{SHORT_LEGEND}"
    for family in dict.fromkeys(line.family for line in lines):
        some = [line for line in lines if (line.family, line.suspect) == (family, "source")]
        names = dict.fromkeys(line.attack for line in some)
        rows = [_short([line for line in some if line.attack == name]) for name in names]
        text += f"\n### {family}\n\n{table(SHORT_HEADS, rows)}"
    return text


def as_answers(attacks: Sequence[Attack], cells: Sequence[AttackCell]) -> str:
    """A table for each family of what attacks on answers leave; nothing where there are none."""
    some = [attack for attack in attacks if attack.kind == "answers"]
    if not some:
        return ""
    text = f"## Attacks on answers\n\n{ANSWER_LEGEND}"
    for family in dict.fromkeys(cell.family for cell in cells):
        mine = [c for c in cells if (c.family, c.suspect, c.asked) == (family, "source", "trigger")]
        text += f"### {family}\n\n{table(ANSWER_HEADS, _answers(some, mine))}"
    return text


def as_full(lines: Sequence[AttackLine]) -> str:
    """A section for each family: what was done to the source, then what innocents show."""
    text = f"# Attacks\n\n{LEGEND}"
    for family in dict.fromkeys(line.family for line in lines):
        some = [line for line in lines if line.family == family]
        source = [[*_evidence(line), *_price(line)] for line in some if line.suspect == "source"]
        text += f"\n## {family}\n\n{table(HEADS, source)}"
        innocents = [[line.suspect, *_evidence(line)] for line in some if line.suspect != "source"]
        if innocents:
            text += f"### {family}: innocents\n\n{table(('innocent', *HEADS[:9]), innocents)}"
    return text


def _answers(attacks: Sequence[Attack], cells: Sequence[AttackCell]) -> Iterator[list[str]]:
    def of(name: str, strength: str) -> list[AttackCell]:
        return [cell for cell in cells if (cell.attack, cell.strength) == (name, strength)]

    whole = evidence_per_set(of(NONE, ""))
    for text, some in (
        (NONE, of(NONE, "")),
        *((attack.answers, of(attack.name, attack.strength)) for attack in attacks),
    ):
        words = [cell.words for cell in some if cell.words is not None]
        evidence, audits = evidence_per_set(some), audits_of(some)
        yield [
            f"`{text}`",
            f"{np.mean([cell.answered for cell in some]):.0%}",
            f"{np.mean(words):.1f}" if words else MISSING,
            f"{evidence:.2f}",
            f"{evidence / whole:.0%}" if whole > 0 else MISSING,
            f"{np.mean([cell.facts for cell in some]):.0%}",
            "yes" if all(audits) else f"{sum(audits)} of {len(audits)}" if any(audits) else "no",
        ]


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
    """A share with a true minus sign; a dash where there is none."""
    return MISSING if value is None else f"{value:z.0%}".replace("-", "−")


def _spread(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return MISSING
    return percent(value) if low is None else f"{percent(value)} ({low:.0%}–{high:.0%})"


def _short(some: Sequence[AttackLine]) -> list[str]:
    strengths = ", ".join(line.strength for line in some if line.strength)
    return [
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


def _each(some: Sequence[AttackLine], read: Callable[[AttackLine], str]) -> str:
    values = [read(line) for line in some]
    return ", ".join(values) if any(values) else ""


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _slower(line: AttackLine) -> str:
    if line.models > 1:
        return f"{line.models} models"
    return "–" if line.slowdown is None else f"{line.slowdown:.1f}×"
