"""`sif bench metav`: fingerprints for any network, every contender on every suspect, cell by cell.

A cell is a task and a seed. Its networks and then the rows of each contender are kept, so that a
run that was killed goes on, a new contender has to judge alone, and several processes may work on
one folder.
"""

from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from sif.eval.networks.contender import Case
from sif.eval.networks.judging import contenders
from sif.eval.networks.presentation import as_tables, draw_numbers
from sif.eval.networks.scores import CellRows, digest, read_cell, write_cell
from sif.eval.networks.sets import (
    COPIES,
    POOL,
    SHORT_NEGATIVES,
    make_sets,
    removals,
    short_thefts,
    thefts,
)
from sif.eval.networks.tasks import Task, find_task
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.networks.thefts.dataset import score
from sif.networks.workshop import Workshop, digest_data
from sif.scale.crew import Call, Show

SMALL: Final = ("digits", "diabetes", "autoencoder", "forecaster")
Number = Annotated[int, Field(ge=1, le=POOL)]


class NetworkSettings(Settings):
    """What `sif bench metav` can be told."""

    tasks: tuple[str, ...] = Field(default=(*SMALL, "tower"), min_length=1)
    """Of digits, diabetes, autoencoder, forecaster, tower."""
    seeds: tuple[int, ...] = Field(default=(1, 2, 3, 4, 5), min_length=1)
    """Each with networks and splits of its own."""
    numbers: tuple[Number, ...] = Field(default=(1, 3, 10), min_length=1)
    """Real networks on each side of the training sets, from few to many."""

    @model_validator(mode="after")
    def _every_task_is_known(self) -> "NetworkSettings":
        for name in self.tasks:
            find_task(name)
        return self


def run(settings: NetworkSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    # Seed by seed, so that all tasks have some cells early.
    cells = [(seed, name) for seed in settings.seeds for name in settings.tasks]
    with place.crew() as crew:
        parts = [Call(partial(judge_cell, settings.numbers, place.out, *cell)) for cell in cells]
        found = crew.run(parts)
    scores, costs = zip(*(cell.flat() for cell in found), strict=True)
    return Findings(
        summary=as_tables(found),
        files={
            "aruc.svg": draw_numbers(found),
            "scores.parquet": list(chain(*scores)),
            "costs.parquet": list(chain(*costs)),
        },
    )


def judge_cell(
    numbers: tuple[int, ...], out: Path, seed: int, task_name: str, show: Show
) -> CellRows:
    """The rows of a cell: those that were found before, and those that are missing."""
    task = find_task(task_name)(seed)
    settings = digest(_facts(task))
    path = out / "cells" / f"{task.name}-{seed}.json"
    workshop = Workshop(out / "networks")
    before, judges = read_cell(path, settings), contenders(task, numbers)
    known = (
        {one.label: before.of(one.label, one.settings(task)) for one in judges} if before else {}
    )
    done = {label: judged for label, judged in known.items() if judged is not None}
    if before is not None and len(done) == len(judges):
        return before
    stage, told = f"{task.name} {seed}", 0
    suspects = COPIES * (2 * len(thefts(task)) + len(removals(task)))
    short = SHORT_NEGATIVES + len(short_thefts(task))
    total = 1 + 2 * POOL + short + suspects + len(judges)

    def tell(words: str) -> None:
        nonlocal told
        told += 1
        show(stage, told, total, words)

    sets = make_sets(task, workshop, seed, tell=tell)
    case = Case(task=task, seed=seed, sets=sets, workshop=workshop)
    for judge in judges:
        tell(judge.label)
        if judge.label not in done:
            done[judge.label] = judge.judge(case)
            judged = [done[one.label] for one in judges if one.label in done]
            rows = CellRows(
                settings=settings,
                task=task.name,
                seed=seed,
                protected_quality=score(sets.protected.networks[0], task.unseen),
                scores=tuple(row for scores, _cost in judged for row in scores),
                costs=tuple(cost for _scores, cost in judged),
            )
            write_cell(path, rows)
    return rows


def _facts(task: Task) -> dict[str, Any]:
    """What decides the networks of a cell: data, trainings, thefts; not the code."""
    return {
        "data": digest_data(task.owner),
        "training": task.training.model_dump(),
        "thefts": {name: theft.model_dump(mode="json") for name, theft in thefts(task).items()},
        "removals": {name: way.model_dump(mode="json") for name, way in removals(task).items()},
        "short": [theft.model_dump(mode="json") for theft in short_thefts(task)],
        "numbers": [COPIES, POOL, SHORT_NEGATIVES, task.trained_kinds, task.suspect_kinds],
    }


STUDY: Final = Study(
    name="metav",
    settings=NetworkSettings,
    quick={"tasks": SMALL, "seeds": (1,), "numbers": (1, 10)},
    run=run,
    again=("networks/*",),
)
