"""The benchmark's rows as Markdown tables. Knows nothing of models."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from sif.eval.adaptive.rows import Detection, Fidelity, Outcome, Part, Section
from sif.eval.metrics import evidence_per_trigger, highest_evidence
from sif.ownership.null import HypergeometricNull
from sif.watermark.greenlist.count import GreenCount

ALPHA: Final = 1e-6
HEADINGS: Final[dict[Section, str]] = {
    "purifiers": "Purifiers before the model",
    "averaging": "Several answers joined",
    "filter": "A detector before the model (1% of benign pictures flagged)",
    "tuning": "Copies tuned against what may be triggers",
    "unlearning": "Copies that unlearnt disclosed triggers",
    "owner": "What the owner can choose",
}


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
    section: Section
    attack: str
    seen: float
    reserve: float | None
    derived: bool
    facts: float
    benign: float | None


def summarise(rows: Sequence[Outcome]) -> list[Summary]:
    """One line for each family, section and attack, in the order of the rows."""
    groups: dict[tuple[str, Section, str], list[Outcome]] = {}
    for row in rows:
        groups.setdefault((row.family, row.section, row.attack), []).append(row)
    return [_summary(*key, some) for key, some in groups.items()]


def _summary(family: str, section: Section, attack: str, rows: Sequence[Outcome]) -> Summary:
    told = _of(rows, "disclosed") or _of(rows, "asked")
    reserve, benign = _of(rows, "reserve"), _of(rows, "benign")
    triggers = [*told, *reserve]
    return Summary(
        family=family,
        section=section,
        attack=attack,
        seen=evidence(told),
        reserve=evidence(reserve) if reserve else None,
        derived=_highest(reserve or told) >= -np.log10(ALPHA),
        facts=float(np.mean([row.facts for row in triggers])),
        benign=float(np.mean([row.facts for row in benign])) if benign else None,
    )


def evidence(rows: Sequence[Outcome]) -> float:
    """log10 e-value for each trigger asked, answered or not; 0 without rows."""
    null, counts = _null(rows), _counts(rows)
    if null is None or not counts:
        return 0.0
    return evidence_per_trigger(counts, null) * len(counts) / len(rows)


def as_report(
    outcomes: Sequence[Outcome], detections: Sequence[Detection], fidelity: Sequence[Fidelity]
) -> str:
    """Everything, for people."""
    lines = summarise(outcomes)
    tables: dict[tuple[str, str], list[Detection]] = {}
    for row in detections:
        tables.setdefault((row.family, row.detector), []).append(row)
    parts = [_detection_table(rows) for rows in tables.values()]
    for section in HEADINGS:
        some = [line for line in lines if line.section == section]
        if some:
            parts.append(_section_table(section, some, fidelity))
    return "\n".join(parts)


def _section_table(section: Section, lines: Sequence[Summary], fidelity: Sequence[Fidelity]) -> str:
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
            cells += _cells(found[0]) if found else ["–"] * 5
            if section == "purifiers":
                cells.append(_psnr(fidelity, family, attack))
        rows.append(cells)
    return _table(HEADINGS[section], heads, rows)


def _cells(line: Summary) -> list[str]:
    return [
        f"{line.seen:.2f}",
        "–" if line.reserve is None else f"{line.reserve:.2f}",
        "yes" if line.derived else "no",
        f"{line.facts:.0%}",
        "–" if line.benign is None else f"{line.benign:.0%}",
    ]


def _psnr(fidelity: Sequence[Fidelity], family: str, attack: str) -> str:
    for row in fidelity:
        if row.family != family:
            continue
        if row.attack == attack:
            return f"{row.unseen:.1f}, {row.triggers:.1f} dB"
        if attack == "none":
            return f"–, {row.before:.1f} dB"
    return "–"


def _detection_table(rows: Sequence[Detection]) -> str:
    """One detector of one family: triggers down, benign pictures across."""
    kinds = list(dict.fromkeys(row.benign for row in rows))
    lines = []
    for method in dict.fromkeys(row.method for row in rows):
        cells = {row.benign: _found(row) for row in rows if row.method == method}
        lines.append([method, *(cells[kind] for kind in kinds)])
    title = f"{rows[0].family}: finding triggers by {rows[0].detector}"
    heads = ["AUC (95%); found at 0.1, 1, 5% of benign:", *kinds]
    return _table(title, heads, lines)


def _found(row: Detection) -> str:
    area = f"{row.auc:.3f} ({row.auc_low:.3f}–{row.auc_high:.3f})"
    return f"{area}; {row.hits_01:.0%}, {row.hits_1:.0%}, {row.hits_5:.0%}"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"## {title}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _of(rows: Sequence[Outcome], part: Part) -> list[Outcome]:
    return [row for row in rows if row.part == part]


def _highest(rows: Sequence[Outcome]) -> float:
    null = _null(rows)
    return 0.0 if null is None else highest_evidence(_counts(rows), null)


def _null(rows: Sequence[Outcome]) -> HypergeometricNull | None:
    for row in rows:
        if row.vocabulary_size is not None and row.green_size is not None:
            return HypergeometricNull(
                vocabulary_size=row.vocabulary_size, green_size=row.green_size
            )
    return None


def _counts(rows: Sequence[Outcome]) -> list[GreenCount]:
    return list(_counted(rows))


def _counted(rows: Sequence[Outcome]) -> Iterator[GreenCount]:
    for row in rows:
        if row.green is not None and row.scored:
            yield GreenCount(green=row.green, scored=row.scored)
