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

from sif.attacks import attacked
from sif.attacks.answers import AnswerAttack, ServingAttack, parse_answer_attacks
from sif.attacks.answers.wording import quoted
from sif.errors import UsageError
from sif.eval.bench.asking import BATCH, Late, cell_of, model_folder
from sif.eval.bench.jobs import Show
from sif.eval.bench.making import Making
from sif.eval.bench.method import parse_methods
from sif.eval.bench.results import Cell, write_rows
from sif.eval.bench.roster import chosen, roster
from sif.eval.bench.summary import counts_of, null_of
from sif.eval.bench.triggers import MARK
from sif.eval.bench.truth import facts_right
from sif.eval.metrics import evidence_per_trigger, highest_evidence
from sif.eval.zoo.architecture import Family
from sif.files import claim_folder
from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.types import Answer, Query, Reply, Suspect

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
        parse_answer_attacks(text)
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
    plain = _evidence([row for row in rows if row.answer_attack == "none"])
    for attack in attacks:
        some = [row for row in rows if row.answer_attack == attack]
        words = [row.words for row in some if row.words is not None]
        evidence, derived = _evidence(some), _highest(some) >= -np.log10(ALPHA)
        cells = (
            f"`{attack}`",
            f"{np.mean([row.answered for row in some]):.0%}",
            f"{np.mean(words):.1f}" if words else "–",
            f"{evidence:.2f}",
            f"{evidence / plain:.0%}" if plain > 0 else "–",
            f"{np.mean([row.facts for row in some]):.0%}",
            "yes" if derived else "no",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _evidence(rows: Sequence[AnswerCell]) -> float:
    """log10 e-value for each trigger asked, answered or not; 0 without rows."""
    null = null_of(rows) if rows else None
    if null is None:
        return 0.0
    counts = counts_of(rows)
    return evidence_per_trigger(counts, null) * len(counts) / len(rows)


def _highest(rows: Sequence[AnswerCell]) -> float:
    null = null_of(rows)
    return 0.0 if null is None else highest_evidence(counts_of(rows), null)


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
                replies = _asked(suspect, queries)
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


def _asked(suspect: Suspect, queries: Sequence[Query]) -> list[Reply]:
    replies: list[Reply] = []
    for start in range(0, len(queries), BATCH):
        replies += suspect.ask(queries[start : start + BATCH])
    return replies


def _suspect(bench: AnswerBench, source: Path, text: str, journal: Journal, show: Show) -> Suspect:
    """The attacked source. The journal lies where answers cost something: around all serving."""
    attacks = parse_answer_attacks(text)
    serving = [attack for attack in attacks if isinstance(attack, ServingAttack)]
    behind = attacks[len(serving) :]
    if any(isinstance(attack, ServingAttack) for attack in behind):
        raise UsageError(f"expected attacks in serving before those on words, got {text}")
    words = [attack for attack in behind if isinstance(attack, AnswerAttack)]

    def open_source() -> Suspect:
        own = connect(f"hf:{source}?batch={BATCH}")
        return attacked(
            own, *parse_answer_attacks(_with_folders(bench, text, show))[: len(serving)]
        )

    served = "+".join(map(str, serving))
    name = f"{roster(bench.family)[0].name} ({f'answers {served}' if served else 'none'})"
    kept = Journalled(Late(open_source), journal, chunk=BATCH, name=name)
    return attacked(kept, *words)


def _with_folders(bench: AnswerBench, text: str, show: Show) -> str:
    """The attack with the address of a suspect where it has its name in the roster."""
    head, at, name = text.partition("@")
    if not head.startswith("turns:") or not at:
        return text
    (entry,) = chosen(bench.family, (name,))
    folder = model_folder(bench.out / bench.family / "models", entry, show)
    return f"{head}@{quoted(f'hf:{folder}?batch={BATCH}')}"
