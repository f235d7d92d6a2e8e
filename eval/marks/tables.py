"""The tables of the benchmark of ActiveMark, as Markdown; they know not how numbers come about."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

from sif.eval.marks.results import BlockRow, Compared, Marking, MethodCost, Reading, Rows, Suspected
from sif.eval.marks.setting import WORDS
from sif.marks.panels import lower_limit, upper_limit

CONFIDENCE: Final = 0.95
DETECTION = (
    "Share of hold-out images that are detected (D ≤ τ, with P ≤ 10⁻³ for fair bits), the mean of "
    "D, and the verdict at α = 10⁻⁶; in brackets how good a tuned copy is at its task (accuracy; "
    "mean intersection over union for segments) and the cosine of its features to the clean ones "
    "on unseen pictures.\n\n"
)
INNOCENTS = (
    "All innocents of a mode together: detected pairs of model and image, with the one-sided 95% "
    "Clopper–Pearson upper bound of their rate were all pairs independent; models of other shapes "
    "cannot be read and count no pairs.\n\n"
)
MARKS = (
    "Cosine to the clean features on unseen pictures (mean, and the lowest of any), accuracy of a "
    "linear probe on digits before and after marking (five-fold cross-validation over the examples "
    "to learn from and to test on), seconds of one core to mark and to read one suspect.\n\n"
)
BLOCKS = (
    "The paper's scheme with messages into one block: largest activations of the clean model "
    "(mean of the top 5), their jump over the block before, share of wrong bits and of detected "
    "images over all hold-out images, right after marking and after fine-tuning on digits. The "
    "block that the profile chooses is marked *.\n\n"
)
METHODS = (
    "Score of every method, 0 to 1: share of detected images (ActiveMark), matching rate "
    "(IPGuard), share of recognised trajectories (ADV-TRA). AUC: probability that a copy that "
    "nobody tried to clean scores higher than an innocent.\n\n"
)


def as_summary(rows: Rows) -> str:
    """All of summary.md."""
    parts = [
        ("Marks", MARKS, markings_table(rows.markings)),
        ("Copies", DETECTION, suspects_table(rows, ("copy",))),
        ("Attempts to remove the mark", "", suspects_table(rows, ("removal",))),
        ("Innocents", "", suspects_table(rows, ("innocent",))),
        ("False detections", INNOCENTS, innocents_table(rows.readings)),
        ("Blocks", BLOCKS, blocks_table(rows.blocks)),
        ("Methods", METHODS, methods_table(rows)),
    ]
    return "\n".join(f"## {title}\n\n{words}{table}" for title, words, table in parts)


def markings_table(markings: Sequence[Marking]) -> str:
    """What each mark costs."""
    head = (
        "source",
        "mode",
        "block",
        "images",
        "τ",
        "cosine",
        "lowest",
        "probe clean",
        "marked",
        "mark s",
        "read s",
    )
    return _table(
        head,
        (
            (
                row.source,
                WORDS[row.mode],  # type: ignore[index]  # read back as a plain word
                str(row.block),
                str(row.images),
                str(row.threshold),
                f"{row.cosine:.4f}",
                f"{row.lowest:.3f}",
                f"{row.clean_probe:.1%}",
                f"{row.probe:.1%}",
                f"{row.seconds:.0f}",
                f"{row.extraction:.1f}",
            )
            for row in markings
        ),
    )


def suspects_table(rows: Rows, roles: Sequence[str]) -> str:
    """A line for every suspect of these roles, a column for every source and mode."""
    columns = _pairs(rows.markings)
    names = list(dict.fromkeys(row.suspect for row in rows.suspects if row.role in roles))
    head = ("suspect", *(f"{source}: {mode}" for source, mode in columns))
    lines = []
    for name in names:
        cells = [_cell(rows, source, mode, name) for source, mode in columns]
        lines.append((name, *cells))
    return _table(head, lines)


def _pairs(markings: Sequence[Marking]) -> list[tuple[str, str]]:
    return sorted({(row.source, row.mode) for row in markings}, key=_order)


def _order(pair: tuple[str, str]) -> tuple[bool, int]:
    source, mode = pair
    return source == "dino", list(WORDS).index(mode)  # type: ignore[arg-type]


def _cell(rows: Rows, source: str, mode: str, name: str) -> str:
    mine = [r for r in rows.readings if (r.source, r.mode, r.suspect) == (source, mode, name)]
    known = [s for s in rows.suspects if (s.source, s.mode, s.suspect) == (source, mode, name)]
    if not known:
        return ""
    if not mine:
        return known[0].decision
    return f"{detection_of(mine):.3f}, {fmean(r.wrong for r in mine):.1f} {_words(known[0])}"


def _words(row: Suspected) -> str:
    verdict = {"derived": "DERIVED", "not_shown": "not shown"}.get(row.decision, row.decision)
    facts = [] if row.accuracy is None else [f"{row.accuracy:.2f}"]
    facts += [] if row.cosine is None else [f"cos {row.cosine:.2f}"]
    return f"{verdict} ({', '.join(facts)})" if facts else verdict


def detection_of(readings: Sequence[Reading]) -> float:
    """Share of detected images."""
    return fmean(reading.detected for reading in readings)


def innocents_table(readings: Sequence[Reading]) -> str:
    """How often innocents are detected, by source and mode, and over the sources."""
    innocent = [row for row in readings if row.role == "innocent"]
    lines = []
    for mode in WORDS:
        of_mode = [row for row in innocent if row.mode == mode]
        if not of_mode:
            continue
        for source in [*dict.fromkeys(row.source for row in of_mode), "all"]:
            mine = [row for row in of_mode if source in (row.source, "all")]
            hits = sum(row.detected for row in mine)
            bound = upper_limit(hits, len(mine), confidence=CONFIDENCE)
            models = len({(row.source, row.suspect) for row in mine})
            lines.append(
                (
                    WORDS[mode],
                    source,
                    str(models),
                    f"{hits} of {len(mine)}",
                    f"{hits / len(mine):.4f}",
                    f"{bound:.4f}",
                    f"{fmean(row.wrong for row in mine):.2f} of {mine[0].bits}",
                )
            )
    return _table(("mode", "source", "models", "detected", "rate", "at most", "mean D"), lines)


def copies_bound(readings: Sequence[Reading]) -> float:
    """The lower Clopper–Pearson bound of the detection rate of these readings."""
    hits = sum(row.detected for row in readings)
    return lower_limit(hits, len(readings), confidence=CONFIDENCE)


def blocks_table(blocks: Sequence[BlockRow]) -> str:
    """The paper's Table 1."""
    head = ("source", "block", "top 5", "jump", "error", "detection", "tuned", "tuned", "cosine")
    return _table(
        head,
        (
            (
                row.source,
                f"{row.block}{' *' if row.chosen else ''}",
                f"{row.magnitude:.1f}",
                f"{row.jump:.2f}",
                f"{row.error:.3f}",
                f"{row.detection:.3f}",
                f"{row.tuned_error:.3f}",
                f"{row.tuned_detection:.3f}",
                f"{row.cosine:.3f}",
            )
            for row in blocks
        ),
    )


def methods_table(rows: Rows) -> str:
    """Every method on every suspect, with AUC and cost, a column for source and method."""
    scores = [*rows.compared, *own_scores(rows)]
    columns = sorted(
        {(row.source, row.method) for row in scores}, key=lambda pair: (pair[0] == "dino", pair[1])
    )
    table = {(row.source, row.method, row.suspect): row.score for row in scores}
    names = list(dict.fromkeys(row.suspect for row in scores))
    lines = [
        (name, *(_score(table.get((source, method, name))) for source, method in columns))
        for name in names
    ]
    lines.append(("**AUC**", *(_score(auc(scores, *column)) for column in columns)))
    lines.append(("seconds before", *(_cost(rows.costs, *column) for column in columns)))
    lines.append(("seconds a suspect", *(_asking(scores, *column) for column in columns)))
    return _table(("suspect", *(f"{source}: {method}" for source, method in columns)), lines)


def own_scores(rows: Rows) -> list[Compared]:
    """The modes of ActiveMark as methods: the share of detected images of each suspect."""
    seconds = {(row.source, row.mode): row.extraction for row in rows.markings}
    found = []
    for known in rows.suspects:
        mine = [
            row
            for row in rows.readings
            if (row.source, row.mode, row.suspect) == (known.source, known.mode, known.suspect)
        ]
        found.append(
            Compared(
                source=known.source,
                method=known.mode,
                suspect=known.suspect,
                role=known.role,
                score=detection_of(mine) if mine else 0.0,
                seconds=seconds[known.source, known.mode],
            )
        )
    return found


def auc(scores: Sequence[Compared], source: str, method: str) -> float | None:
    """Probability that a copy scores higher than an innocent, ties counted half."""
    mine = [row for row in scores if (row.source, row.method) == (source, method)]
    copies = [row.score for row in mine if row.role == "copy"]
    innocents = [row.score for row in mine if row.role == "innocent"]
    if not copies or not innocents:
        return None
    return fmean((c > i) + (c == i) / 2 for c in copies for i in innocents)


def _cost(costs: Sequence[MethodCost], source: str, method: str) -> str:
    mine = [row.seconds for row in costs if (row.source, row.method) == (source, method)]
    return f"{mine[0]:.0f}" if mine else ""


def _asking(scores: Sequence[Compared], source: str, method: str) -> str:
    mine = [row.seconds for row in scores if (row.source, row.method) == (source, method)]
    return f"{fmean(mine):.2f}" if mine else ""


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.3f}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
