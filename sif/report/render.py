"""Turns a `ReportPage` into one self-contained HTML page, and writes it.

Knows nothing of where the values come from. The page loads nothing and runs no script.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sif.files import write_atomically
from sif.ownership.run import Group
from sif.report.curves import Bar, Chart, Curve, chart, threshold
from sif.report.numbers import decibel, grouped, integer, percent, plain, scientific, signed
from sif.report.page import ReportPage, SuspectView
from sif.report.pictures import AMPLIFICATION, Pictures, pictures
from sif.types import Decision
from sif.visible import visible

COLOURS: Final = 8
FIRST: Final = 24
"""Triggers, and answers of a suspect, that are seen at once; the others unfold."""
MOST_BESIDE: Final = 16
"""Suspects up to which each one's own plot shows the others too."""
DECISIONS: Final = {
    Decision.DERIVED: "Derived",
    Decision.NOT_SHOWN: "Not shown",
    Decision.INCONCLUSIVE: "Inconclusive",
}
GROUPS: Final[dict[Group, str]] = {
    "copy": "Known copies",
    "innocent": "Known independent models",
    "other": "Other suspects",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A suspect with its place in the report, its curve and its bar; `line` names the style."""

    index: int
    suspect: SuspectView
    curve: Curve
    bar: Bar
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A trigger as it stands on the page."""

    id: str
    prompt: str
    picture: Pictures


def render(page: ReportPage) -> str:
    """The page as HTML."""
    suspects = [s for group in GROUPS for s in page.suspects if s.group == group]
    drawn = chart(suspects)
    members = _members(suspects, drawn)
    shown = [Shown(id=t.id, prompt=t.prompt, picture=pictures(t)) for t in page.triggers]
    groups = [
        (title, [member for member in members if member.suspect.group == group])
        for group, title in GROUPS.items()
    ]
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            page=page,
            style=style(),
            lead=_lead(suspects),
            chart=drawn,
            members=members,
            groups=[(title, inside) for title, inside in groups if inside],
            shown=shown,
            trigger_index={trigger.id: index for index, trigger in enumerate(shown)},
            alphas=sorted({suspect.verdict.alpha for suspect in suspects}),
            measured_transfer=any(s.verdict.transfer_log10_e_value is not None for s in suspects),
            amplification=AMPLIFICATION,
            first=FIRST,
        )
    )


def write_page(page: ReportPage, path: Path) -> None:
    """Writes the page, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    write_atomically(path, render(page), mode=0o644 if page.public else 0o600)


def _members(suspects: Sequence[SuspectView], drawn: Chart) -> list[Member]:
    return [
        Member(index=index, suspect=suspect, curve=curve, bar=bar, line=_line(index, suspect.group))
        for index, (suspect, curve, bar) in enumerate(
            zip(suspects, drawn.curves, drawn.bars, strict=True)
        )
    ]


def _line(index: int, group: Group) -> str:
    dash = "dotted" if index >= COLOURS else "dashed" if group == "innocent" else "solid"
    return f"s{index % COLOURS} {dash}"


def _lead(suspects: Sequence[SuspectView]) -> str:
    """The outcome in a sentence or two."""
    decisions = [suspect.verdict.decision for suspect in suspects]
    parts = [
        f"{decisions.count(decision)} {word.lower()}"
        for decision, word in DECISIONS.items()
        if decision in decisions
    ]
    noun = "suspect was" if len(suspects) == 1 else "suspects were"
    asked = f"{len(suspects)} {noun} asked: {', '.join(parts) or 'nothing to judge'}."
    alphas = {suspect.verdict.alpha for suspect in suspects}
    if len(alphas) != 1:
        return asked
    odds = f"{round(1 / alphas.pop()):,}"
    return (
        f"{asked} For a model whose answers do not depend on the secret keys, the chance of being "
        f"called derived is at most 1 in {odds}."
    )


def style() -> Markup:
    """The sheet of every page."""
    sheet = resources.files("sif.report.templates").joinpath("style.css")
    return Markup(sheet.read_text(encoding="utf-8"))


@cache
def environment() -> Environment:
    """What templates are filled by: strangers' words are escaped, and what is not seen written."""
    made = Environment(
        autoescape=True,
        finalize=_shown,
        loader=PackageLoader("sif.report"),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters |= {
        "decibel": decibel,
        "decision": DECISIONS.__getitem__,
        "grouped": grouped,
        "integer": integer,
        "percent": percent,
        "plain": plain,
        "reorder": _front_last,
        "scientific": scientific,
        "signed": signed,
        "threshold": threshold,
    }
    return made


def _shown(value: object) -> object:
    """A text as it may stand in a page: lines stay lines, all else that is not seen is written."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "\n".join(visible(line, longest=None) for line in value.split("\n"))


def _front_last(members: Sequence[Member], front: Member) -> list[Member]:
    beside = members if len(members) <= MOST_BESIDE else ()
    return [member for member in beside if member is not front] + [front]
