"""The benchmark of attacks on answers: what evidence each leaves, and what it costs the thief.

1. The default recipe makes triggers on the source, or finds those of an earlier benchmark. 2. The
source answers them once; attacks on words are done to those answers. 3. Attacks in serving ask the
source anew. 4. A row for each answer. Answers are kept and found again.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from sif.attacks.answers.quoting import quoted
from sif.eval.attacks.attacked import ask_all, reworded, served, serving_of
from sif.eval.jobs import Show
from sif.eval.rows import write_rows
from sif.eval.triggers.asking import BATCH, cell_of, model_folder
from sif.eval.triggers.making import Making
from sif.eval.triggers.method import parse_methods
from sif.eval.triggers.results import Cell
from sif.eval.triggers.roster import chosen, roster
from sif.eval.triggers.summary import evidence_of, highest_of
from sif.eval.triggers.triggers import MARK
from sif.eval.triggers.truth import facts_right
from sif.files import claim_folder
from sif.mini.architecture import Family
from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.types import Answer, Suspect

ROWS: Final = "answers.parquet"
SIBLING: Final = "sibling"
ALPHA: Final = 1e-6
SHORTLY: Final = quoted("answer with one word only")
ANSWER_ATTACKS: Final = (
    *("none", "truncate:0.5", "truncate:0.25", "drop:0.3", "drop:0.6", "shuffle:0.5", "shuffle:1"),
    *("synonyms:0.3", "synonyms:1", "synonyms:0.3@mini-world", "synonyms:1@mini-world"),
    *("translate:0.5@mini-world", "translate:1@mini-world", "case:0.5", "case:1"),
    *("punctuation:0.5", "punctuation:1", 'prefix:"In this picture"'),
    *("refuse:0.2", "refuse:0.5", "withhold:0.2", "withhold:0.5"),
    *("temperature:0.7", "temperature:1.5", f"system:{SHORTLY}", "cache"),
    *(f"turns:0.25@{SIBLING}", f"turns:0.5@{SIBLING}"),
    *("watermark:2", "watermark:5", "watermark-by-word:2", "watermark-by-word:5"),
    *("gumbel:1", "gumbel:4"),
)


class AnswerCell(Cell):
    """The source's answer to one trigger, attacked.

    Attributes:
        answer_attack: in its text form; a suspect in it by its name in the roster.
        words: of the answer; none without one.
        facts: share of the scene's facts that it states rightly; 0 without an answer.
    """

    answer_attack: str
    words: int | None
    facts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or that of an earlier benchmark with triggers of the same settings.
        family: of the mini models.
        method: a recipe with green lists.
        triggers: how many.
        attacks: in their text form; `turns:SHARE@NAME` names a suspect of the roster.
    """

    out: Path
    family: Family = "llava"
    method: str = "sif"
    triggers: int = 24
    attacks: tuple[str, ...] = ANSWER_ATTACKS


def run_answers(bench: AnswerBench, *, show: Show) -> list[AnswerCell]:
    """Runs a benchmark, or goes on with an interrupted one; writes its rows as Parquet.

    Args:
        bench: what to do.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: an unknown method or attack.
        FingerprintError: the folder holds triggers that were made with other settings.
        StorageError: the folder holds something else, or the disk refuses.
        ModelError: the bundled weights are missing.
    """
    (method,) = parse_methods((bench.method,))
    for text in bench.attacks:
        serving_of(text)
    claim_folder(bench.out, mark=MARK, words="Written by `sif bench`; run it again to go on.\n")
    source = model_folder(bench.out / bench.family / "models", roster(bench.family)[0], show)
    making = Making(
        out=bench.out,
        source=source,
        family=bench.family,
        method=method,
        seed=0,
        count=bench.triggers,
        batch_size=12,
        jobs=1,
    )
    making.run(show)
    rows = _rows(bench, making, show)
    write_rows(bench.out / ROWS, rows)
    return rows


def as_table(rows: Sequence[AnswerCell]) -> str:
    """One line for each attack, as Markdown."""
    attacks = list(dict.fromkeys(row.answer_attack for row in rows))
    heads = ("attack on answers", "answered", "words", "evidence", "kept", "facts right", "DERIVED")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    unattacked = [row for row in rows if row.answer_attack == "none"]
    plain = (evidence_of(unattacked) or 0.0) if unattacked else 0.0
    for attack in attacks:
        some = [row for row in rows if row.answer_attack == attack]
        words = [row.words for row in some if row.words is not None]
        evidence, highest = evidence_of(some) or 0.0, highest_of(some) or 0.0
        cells = (
            f"`{attack}`",
            f"{np.mean([row.answered for row in some]):.0%}",
            f"{np.mean(words):.1f}" if words else "–",
            f"{evidence:.2f}",
            f"{evidence / plain:.0%}" if plain > 0 else "–",
            f"{np.mean([row.facts for row in some]):.0%}",
            "yes" if highest >= -np.log10(ALPHA) else "no",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _rows(bench: AnswerBench, making: Making, show: Show) -> list[AnswerCell]:
    triggers, scenes, rows = making.load(), making.scenes(), list[AnswerCell]()
    queries = [question.query() for question in triggers.questions]
    entry = roster(bench.family)[0]
    answers = bench.out / bench.family / "answers" / f"{entry.name}.sqlite"
    stage = f"{bench.family}: attacking answers"
    with Journal(answers) as journal:
        for number, text in enumerate(bench.attacks):
            show(stage, number, len(bench.attacks), text)
            with closing(_suspect(bench, making.source, text, journal, show)) as suspect:
                replies = ask_all(suspect, queries)
            for question, reply in zip(triggers.questions, replies, strict=True):
                told = reply.text if isinstance(reply, Answer) else ""
                rows.append(
                    AnswerCell(
                        **cell_of(entry, making, triggers, "none", question, reply).model_dump(),
                        answer_attack=text,
                        words=len(told.split()) if isinstance(reply, Answer) else None,
                        facts=facts_right(scenes[question.source_image].scene, told),
                    )
                )
    show(stage, len(bench.attacks), len(bench.attacks), "")
    return rows


def _suspect(bench: AnswerBench, source: Path, text: str, journal: Journal, show: Show) -> Suspect:
    """The attacked source."""
    name = roster(bench.family)[0].name
    kept = served(
        lambda: connect(f"hf:{source}?batch={BATCH}"),
        name=name,
        answers=text,
        resolve=lambda told: with_folder(told, out=bench.out, family=bench.family, show=show),
        journal=journal,
    )
    return reworded(kept.suspect, text)


def with_folder(text: str, *, out: Path, family: Family, show: Show) -> str:
    """Attacks on answers with the address of a suspect where `turns` has its name in the roster.

    Args:
        text: one attack, or several that begin with `turns`.
        out: the benchmark's folder.
        family: of the suspect.
        show: is told of progress.

    Raises:
        UsageError: no such suspect.
    """
    head, at, rest = text.partition("@")
    if not head.startswith("turns:") or not at:
        return text
    name, plus, others = rest.partition("+")
    (entry,) = chosen(family, (name,))
    folder = model_folder(out / family / "models", entry, show)
    return f"{head}@{quoted(f'hf:{folder}?batch={BATCH}')}{plus}{others}"
