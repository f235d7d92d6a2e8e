"""How the study of ActiveMark is shown: tables as Markdown, and pictures as SVG.

The pictures are of wrong bits, of detection by suspect, and of detection by block. Knows nothing of
how numbers come about.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import Final

import numpy as np

from sif.eval.marks.results import (
    BlockRow,
    Compared,
    Marking,
    MethodCost,
    Reading,
    Rows,
    Suspected,
    auc,
    detection_of,
    own_scores,
)
from sif.eval.marks.setting import WORDS
from sif.markdown import table
from sif.marks.panels import upper_limit
from sif.plotting import COLOURS, as_svg, new_figure, plain

ROLES = {"copy": COLOURS[0], "removal": COLOURS[1], "innocent": COLOURS[6]}
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
    return "".join(f"## {title}\n\n{words}{lines}" for title, words, lines in parts)


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
    return table(
        head,
        (
            (
                row.source,
                WORDS[row.mode],
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
    return table(head, lines)


def _pairs(markings: Sequence[Marking]) -> list[tuple[str, str]]:
    return sorted({(row.source, row.mode) for row in markings}, key=_order)


def _order(pair: tuple[str, str]) -> tuple[bool, int]:
    source, mode = pair
    return source == "dino", list(WORDS).index(mode)


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
    return table(("mode", "source", "models", "detected", "rate", "at most", "mean D"), lines)


def blocks_table(blocks: Sequence[BlockRow]) -> str:
    """The paper's Table 1."""
    head = ("source", "block", "top 5", "jump", "error", "detection", "tuned", "tuned", "cosine")
    return table(
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
    found = {(row.source, row.method, row.suspect): row.score for row in scores}
    names = list(dict.fromkeys(row.suspect for row in scores))
    lines = [
        (name, *(_score(found.get((source, method, name))) for source, method in columns))
        for name in names
    ]
    lines.append(("**AUC**", *(_score(auc(scores, *column)) for column in columns)))
    lines.append(("seconds before", *(_cost(rows.costs, *column) for column in columns)))
    lines.append(("seconds a suspect", *(_asking(scores, *column) for column in columns)))
    return table(("suspect", *(f"{source}: {method}" for source, method in columns)), lines)


def _cost(costs: Sequence[MethodCost], source: str, method: str) -> str:
    mine = [row.seconds for row in costs if (row.source, row.method) == (source, method)]
    return f"{mine[0]:.0f}" if mine else ""


def _asking(scores: Sequence[Compared], source: str, method: str) -> str:
    mine = [row.seconds for row in scores if (row.source, row.method) == (source, method)]
    return f"{fmean(mine):.2f}" if mine else ""


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.3f}"


def pictures(rows: Rows) -> dict[str, bytes]:
    """errors.svg, suspects.svg and blocks.svg."""
    return {
        "errors.svg": _draw_errors(rows.readings),
        "suspects.svg": _draw_suspects(rows.readings),
        "blocks.svg": _draw_blocks(rows.blocks),
    }


def _draw_errors(readings: Sequence[Reading]) -> bytes:
    """Histograms of D, a panel for each source and mode, coloured by role."""
    panels = list(dict.fromkeys((row.source, row.mode) for row in readings))
    figure = new_figure(3.2 * max(1, len(_modes(readings))), 2.6 * max(1, len(_sources(readings))))
    grid = figure.subplots(
        max(1, len(_sources(readings))), max(1, len(_modes(readings))), squeeze=False, sharex=True
    )
    for source, mode in panels:
        axes = grid[_sources(readings).index(source), _modes(readings).index(mode)]
        mine = [row for row in readings if (row.source, row.mode) == (source, mode)]
        bits = mine[0].bits
        for role, colour in ROLES.items():
            wrong = [row.wrong for row in mine if row.role == role]
            heights = np.bincount(wrong, minlength=bits + 1) / max(1, len(wrong))
            axes.step(range(bits + 1), heights, where="mid", color=colour, label=role)
        axes.set_title(f"{source}, {WORDS[mode]}", loc="left", fontsize=8)
        axes.set_xlabel("wrong bits D")
        plain(axes)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
    return as_svg(figure)


def _draw_suspects(readings: Sequence[Reading]) -> bytes:
    """Detection rate of every suspect, a bar for each mode, a panel for each source."""
    names = list(dict.fromkeys(row.suspect for row in readings))
    figure = new_figure(4.2 * max(1, len(_sources(readings))), 1.2 + 0.28 * len(names))
    grid = figure.subplots(1, max(1, len(_sources(readings))), squeeze=False, sharey=True)
    for axes, source in zip(grid[0], _sources(readings), strict=False):
        for number, mode in enumerate(_modes(readings)):
            rates = [_rate(readings, source, mode, name) for name in names]
            places = np.arange(len(names)) + 0.27 * (number - 1)
            axes.barh(places, rates, height=0.25, color=COLOURS[number], label=mode)
        axes.set_yticks(range(len(names)), names, fontsize=7)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel(f"share of images detected, {source}")
        plain(axes)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
    return as_svg(figure)


def _draw_blocks(blocks: Sequence[BlockRow]) -> bytes:
    """Detection before and after tuning, and the largest activations, by block."""
    sources = list(dict.fromkeys(row.source for row in blocks))
    figure = new_figure(4.0 * max(1, len(sources)), 3.2)
    grid = figure.subplots(1, max(1, len(sources)), squeeze=False)
    for axes, source in zip(grid[0], sources, strict=False):
        mine = [row for row in blocks if row.source == source]
        numbers = [row.block for row in mine]
        axes.plot(numbers, [row.detection for row in mine], "o-", color=COLOURS[0], label="marked")
        tuned = [row.tuned_detection for row in mine]
        axes.plot(numbers, tuned, "s--", color=COLOURS[1], label="fine-tuned")
        axes.set_ylim(-0.03, 1.03)
        axes.set_xticks(numbers)
        axes.set_xlabel(f"block of {source}")
        axes.set_ylabel("share of images detected")
        other = axes.twinx()
        other.bar(
            numbers, [row.magnitude for row in mine], width=0.3, color="#cccccc", label="top 5"
        )
        other.set_ylabel("mean of the 5 largest activations")
        axes.set_zorder(other.get_zorder() + 1)
        axes.patch.set_visible(False)
        axes.legend(frameon=False)
    return as_svg(figure)


def _rate(readings: Sequence[Reading], source: str, mode: str, name: str) -> float:
    mine = [r for r in readings if (r.source, r.mode, r.suspect) == (source, mode, name)]
    return detection_of(mine) if mine else 0.0


def _sources(readings: Sequence[Reading]) -> list[str]:
    return list(dict.fromkeys(row.source for row in readings))


def _modes(readings: Sequence[Reading]) -> list[str]:
    return [mode for mode in WORDS if any(row.mode == mode for row in readings)]
