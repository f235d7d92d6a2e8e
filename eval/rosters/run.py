"""The benchmark of a roster: triggers by every method on the source, then one suspect at a time.

1. Every method makes its triggers with the same keys; the source is loaded only where some are
missing. 2. Every suspect that is not set aside answers every trigger under every attack on images;
it is loaded only where answers are missing, and closed whatever happens. One that cannot be loaded
or reached is an outcome with a reason. 3. Rows of counts, as in the benchmark of mini models.
Prints nothing.
"""

import gc
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import torch

from sif.attacks.images import AttackedSuspect, Nothing, parse_image_attack
from sif.errors import ModelError, SuspectError, UsageError
from sif.eval.jobs import Show
from sif.eval.rosters.machine import device_fault
from sif.eval.rosters.making import Made, make_all, method_fault
from sif.eval.rosters.outcomes import Outcome, Outcomes
from sif.eval.rosters.plan import Plan
from sif.eval.rosters.roster import Listed
from sif.eval.rows import write_rows
from sif.eval.triggers.results import Cell, Cost
from sif.eval.triggers.trigger_set import Question
from sif.files import claim_folder, write_atomically
from sif.fingerprint.images import NamedImage
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.suspects.late import LateSuspect
from sif.types import Answer, Reply

MARK: Final = "roster.txt"


class Results(NamedTuple):
    """Rows of counts, what making cost, and what became of every suspect."""

    cells: list[Cell]
    costs: list[Cost]
    outcomes: list[Outcome]


def run_roster(plan: Plan, images: Sequence[NamedImage], out: Path, *, show: Show) -> Results:
    """Runs a benchmark, or goes on with an interrupted one; writes cells, costs and suspects.

    Args:
        plan: what to do.
        images: base images; recipes learn from those beyond the plan's triggers what pictures hold.
        out: a new folder, or an earlier run's; other suspects, attacks and methods may be added.
        show: is told of progress: stage, done, total, a few words.

    Raises:
        UsageError: a method without green lists, no images, or a device that is not there.
        ModelError: the source cannot be loaded, or does not pass the probe.
        StorageError: the folder holds something else or was begun with other settings, or the
            disk refuses.
    """
    for method in plan.methods:
        if fault := method_fault(method):
            raise UsageError(fault)
    if not images:
        raise UsageError("expected base images, got none")
    if fault := device_fault(plan.device):
        raise UsageError(fault)
    claim_folder(out, mark=MARK, words="Written by `sif bench roster`; run it again to go on.\n")
    made = make_all(plan, images, out, show)
    _free_memory()
    cells: list[Cell] = []
    outcomes: list[Outcome] = []
    for listed in plan.suspects:
        some, outcome = _ask_one(plan, listed, made, out / "answers", show)
        cells += some
        outcomes.append(outcome)
    costs = [one.cost for one in made]
    everybody = Outcomes(roster=plan.roster.name, suspects=tuple(outcomes))
    write_rows(out / "cells.parquet", cells)
    write_rows(out / "costs.parquet", costs)
    write_atomically(out / "suspects.json", everybody.model_dump_json(indent=2))
    return Results(cells, costs, outcomes)


def _free_memory() -> None:
    """Lets go of the source before the first suspect is loaded."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _ask_one(
    plan: Plan, listed: Listed, made: Sequence[Made], answers: Path, show: Show
) -> tuple[list[Cell], Outcome]:
    """One suspect's answers as counts, and what became of it."""
    outcome = Outcome(
        name=listed.name,
        suspect=listed.suspect,
        role=listed.role,
        split=listed.split,
        note=listed.note,
        state="asked",
    )
    if listed.set_aside is not None:
        return [], outcome.model_copy(update={"state": "set aside", "reason": listed.set_aside})
    try:
        cells = _ask(plan, listed, made, answers / f"{listed.name}.sqlite", show)
    except (ModelError, SuspectError, UsageError) as error:
        return [], outcome.model_copy(update={"state": "failed", "reason": str(error)})
    finally:
        show(f"asking {listed.name}", plan.questions, plan.questions, "")
    answered = sum(cell.answered for cell in cells)
    return cells, outcome.model_copy(update={"answered": answered, "questions": len(cells)})


def _ask(
    plan: Plan, listed: Listed, made: Sequence[Made], journal_path: Path, show: Show
) -> list[Cell]:
    cells: list[Cell] = []
    with closing(LateSuspect(listed.suspect)) as suspect, Journal(journal_path) as journal:
        for one in made:
            questions = one.triggers.questions
            for text in plan.image_attacks:
                show(f"asking {listed.name}", len(cells), plan.questions, text)
                attack = parse_image_attack(text)
                seen = suspect if attack == Nothing() else AttackedSuspect(suspect, attack)
                replies = Journalled(seen, journal).ask(
                    [question.query() for question in questions]
                )
                cells += [
                    _cell(listed, one, text, question, reply)
                    for question, reply in zip(questions, replies, strict=True)
                ]
    return cells


def _cell(listed: Listed, one: Made, text: str, question: Question, reply: Reply) -> Cell:
    grade = one.triggers.grade(question.id, reply.text if isinstance(reply, Answer) else None)
    return Cell(
        family=one.cost.family,
        method=one.cost.method,
        seed=one.cost.seed,
        suspect=listed.name,
        role=listed.role,
        split=listed.split,
        image_attack=text,
        trigger=question.id,
        answered=isinstance(reply, Answer),
        **grade._asdict(),
        vocabulary_size=one.triggers.vocabulary_size,
        green_size=one.triggers.green_size,
    )
