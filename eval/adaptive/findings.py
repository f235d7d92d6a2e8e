"""What this study finds: its rows besides those of answers, tables and plots. Knows no model."""

from collections.abc import Sequence
from math import log10
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from sif.attacks.adaptive.roc import roc_of
from sif.eval.adaptive.traffic import CLEAN, PHOTOGRAPHS
from sif.eval.attacks.questions import Asked, AttackCell
from sif.eval.triggers.summary import ALPHA, evidence_of, highest_of
from sif.markdown import MISSING, number, percent, table
from sif.plotting import as_svg, new_figure, plain

HEADINGS: Final[dict[str, str]] = {
    "purifiers": "Purifiers before the model",
    "averaging": "Several answers joined",
    "filter": "A detector before the model (1% of benign pictures flagged)",
    "tuning": "Copies tuned against what may be triggers",
    "unlearning": "Copies that unlearnt disclosed triggers",
    "owner": "What the owner can choose",
}


FALSE_FLOOR: Final = 1e-3
PANELS: Final = (
    ("off-content", CLEAN),
    ("off-content", "noise:8"),
    ("residual", "noise:8"),
    ("classifier", "noise:8"),
    ("classifier", PHOTOGRAPHS),
    ("off-content of photographs", PHOTOGRAPHS),
)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    family: str


class Score(_Row):
    """What a detector says of one picture.

    Attributes:
        detector: name.
        kind: of the picture: a method's trigger, or a kind of benign picture.
        trigger: whether it is one.
        score: higher is more like a trigger.
    """

    detector: str
    kind: str
    trigger: bool
    score: float


class Detection(_Row):
    """How well a detector tells one method's triggers from one kind of benign pictures.

    Attributes:
        detector: name.
        method: of the triggers.
        benign: kind of benign pictures.
        triggers: how many.
        pictures: how many benign ones.
        auc: area under the curve, with its 95% interval.
        hits_01: share of triggers found where 0.1% of the benign pictures are flagged.
        hits_1: where 1% are, with its exact 95% interval.
        hits_5: where 5% are.
    """

    detector: str
    method: str
    benign: str
    triggers: int
    pictures: int
    auc: float
    auc_low: float
    auc_high: float
    hits_01: float
    hits_1: float
    hits_1_low: float
    hits_1_high: float
    hits_5: float


class Fidelity(_Row):
    """What an attack on images does to pictures, in dB.

    Attributes:
        attack: in its text form.
        unseen: PSNR of unseen benign pictures behind it.
        triggers: PSNR of triggers behind it, against their base images.
        before: PSNR of the triggers themselves.
    """

    attack: str
    unseen: float
    triggers: float
    before: float


class Summary(NamedTuple):
    """One attack of one family.

    Attributes:
        seen: log10 e-value for each trigger that the thief may have seen, or was told.
        reserve: the same of those that he never saw; none where all were asked alike.
        derived: whether all of the latter (or else of the former) together reach 10⁶.
        facts: share of right facts about the triggers' scenes.
        benign: the same about unseen scenes; none where they were not asked.
    """

    family: str
    section: str
    attack: str
    seen: float
    reserve: float | None
    derived: bool
    facts: float
    benign: float | None


def summarise(rows: Sequence[AttackCell]) -> list[Summary]:
    """One line for each family, section and attack, in the order of the rows."""
    groups: dict[tuple[str, str, str], list[AttackCell]] = {}
    for row in rows:
        groups.setdefault((row.family, row.kind, row.attack), []).append(row)
    return [_summary(*key, some) for key, some in groups.items()]


def _summary(family: str, section: str, attack: str, rows: Sequence[AttackCell]) -> Summary:
    told = _of(rows, "disclosed") or _of(rows, "trigger")
    reserve, benign = _of(rows, "reserve"), _of(rows, "benign")
    triggers = [*told, *reserve]
    return Summary(
        family=family,
        section=section,
        attack=attack,
        seen=evidence_of(told) or 0.0,
        reserve=evidence_of(reserve) if reserve else None,
        derived=(highest_of(reserve or told) or 0.0) >= -log10(ALPHA),
        facts=float(np.mean([row.facts for row in triggers])),
        benign=float(np.mean([row.facts for row in benign])) if benign else None,
    )


def as_report(
    cells: Sequence[AttackCell], detections: Sequence[Detection], fidelity: Sequence[Fidelity]
) -> str:
    """Everything, for people."""
    lines = summarise(cells)
    tables: dict[tuple[str, str], list[Detection]] = {}
    for row in detections:
        tables.setdefault((row.family, row.detector), []).append(row)
    parts = [_detection_table(rows) for rows in tables.values()]
    for section in HEADINGS:
        some = [line for line in lines if line.section == section]
        if some:
            parts.append(_section_table(section, some, fidelity))
    return "".join(parts)


def _section_table(section: str, lines: Sequence[Summary], fidelity: Sequence[Fidelity]) -> str:
    families = list(dict.fromkeys(line.family for line in lines))
    heads = ["attack"]
    for family in families:
        heads += [f"{family}: seen", "reserve", "DERIVED", "facts, triggers", "facts, unseen"]
        heads += ["PSNR unseen, triggers"] if section == "purifiers" else []
    rows = []
    for attack in dict.fromkeys(line.attack for line in lines):
        cells = [f"`{attack}`" if section in ("purifiers", "averaging") else attack]
        for family in families:
            found = [one for one in lines if (one.attack, one.family) == (attack, family)]
            cells += _cells(found[0]) if found else [MISSING] * 5
            if section == "purifiers":
                cells.append(_psnr(fidelity, family, attack))
        rows.append(cells)
    return _titled(HEADINGS[section], heads, rows)


def _cells(line: Summary) -> list[str]:
    return [
        number(line.seen),
        number(line.reserve),
        "yes" if line.derived else "no",
        percent(line.facts),
        percent(line.benign),
    ]


def _psnr(fidelity: Sequence[Fidelity], family: str, attack: str) -> str:
    for row in fidelity:
        if row.family != family:
            continue
        if row.attack == attack:
            return f"{row.unseen:.1f}, {row.triggers:.1f} dB"
        if attack == "none":
            return f"–, {row.before:.1f} dB"
    return MISSING


def _detection_table(rows: Sequence[Detection]) -> str:
    """One detector of one family: triggers down, benign pictures across."""
    kinds = list(dict.fromkeys(row.benign for row in rows))
    lines = []
    for method in dict.fromkeys(row.method for row in rows):
        cells = {row.benign: _found(row) for row in rows if row.method == method}
        lines.append([method, *(cells[kind] for kind in kinds)])
    title = f"{rows[0].family}: finding triggers by {rows[0].detector}"
    heads = ["AUC (95%); found at 0.1, 1, 5% of benign:", *kinds]
    return _titled(title, heads, lines)


def _found(row: Detection) -> str:
    area = f"{row.auc:.3f} ({row.auc_low:.3f}–{row.auc_high:.3f})"
    return f"{area}; {row.hits_01:.0%}, {row.hits_1:.0%}, {row.hits_5:.0%}"


def _titled(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"## {title}\n\n{table(heads, rows)}"


def _of(rows: Sequence[AttackCell], asked: Asked) -> list[AttackCell]:
    return [row for row in rows if row.asked == asked]


def plots(scores: Sequence[Score], lines: Sequence[Summary]) -> dict[str, bytes]:
    """A sheet of curves for each family, and one sheet of evidence."""
    files: dict[str, bytes] = {}
    for family in dict.fromkeys(row.family for row in scores):
        some = [row for row in scores if row.family == family]
        files[f"adaptive-roc-{family}.svg"] = as_svg(_curves(some))
    return files | ({"adaptive-evidence.svg": as_svg(_evidence(lines))} if lines else {})


def _curves(scores: Sequence[Score]) -> Any:
    figure = new_figure(12.0, 7.0)
    for place, (detector, benign) in enumerate(PANELS, start=1):
        some = [row for row in scores if row.detector == detector]
        quiet = np.array([row.score for row in some if row.kind == benign])
        if not len(quiet):
            continue
        axis = figure.add_subplot(2, 3, place)
        for method in dict.fromkeys(row.kind for row in some if row.trigger):
            loud = np.array([row.score for row in some if row.kind == method])
            curve = roc_of(quiet, loud)
            axis.step(
                np.maximum(curve.false_positives, FALSE_FLOOR),
                curve.true_positives,
                where="post",
                label=f"{method} ({curve.auc.value:.3f})",
            )
        axis.set(title=f"{detector}, benign: {benign}", xscale="log", ylim=(0, 1.02))
        axis.legend(fontsize="x-small", title="AUC", title_fontsize="x-small")
        plain(axis)
    figure.supxlabel("benign pictures flagged")
    figure.supylabel("triggers found")
    return figure


def _evidence(lines: Sequence[Summary]) -> Any:
    families = list(dict.fromkeys(line.family for line in lines))
    figure = new_figure(6.0 * len(families), 5.0)
    axes = figure.subplots(1, len(families), squeeze=False)[0]
    for axis, family in zip(axes, families, strict=True):
        own = [one for one in lines if one.family == family and one.benign is not None]
        for section in dict.fromkeys(one.section for one in own):
            some = [one for one in own if one.section == section]
            left = [one.seen if one.reserve is None else one.reserve for one in some]
            axis.scatter([one.benign for one in some], left, label=section, alpha=0.8)
        axis.axhline(0, color="grey", linewidth=0.5)
        axis.set(title=family, xlabel="facts right, unseen scenes")
        axis.set_ylabel("log10 e-value for each trigger kept in reserve")
        axis.legend(fontsize="small")
        plain(axis)
    return figure
