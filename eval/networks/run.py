"""The benchmark of fingerprints for any network: every contender on every suspect, cell by cell.

A cell is a task and a seed. Its networks and then the rows of each contender are kept, so that a
run that was killed goes on, a new contender has to judge alone, and several processes may work on
one folder. Prints nothing.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from sif.eval.baselines.ipguard import IpGuard, ipguard, matching_rate
from sif.eval.jobs import Show
from sif.eval.networks.contenders import IPGUARD, NUMBERS, Contender, contenders
from sif.eval.networks.references import ENOUGH, Contrast, contrasts
from sif.eval.networks.rows import CellRows, Cost, Judged, Score, read_cell, write_cell
from sif.eval.networks.sets import (
    COPIES,
    POOL,
    SHORT_NEGATIVES,
    Sets,
    make_sets,
    short_thefts,
    thefts,
)
from sif.eval.networks.tasks import Task, find_task
from sif.files import claim_folder
from sif.networks.contrast import contrast_fingerprints
from sif.networks.joint_training import train_fingerprints
from sif.networks.thefts.dataset import score
from sif.networks.workshop import Workshop, digest_data

MARK: Final = "metav-bench.txt"
SMALL: Final = ("digits", "diabetes", "autoencoder", "forecaster")
EVERYTHING: Final = (*SMALL, "tower")
SEEDS: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworksBench:
    """What a benchmark does.

    Attributes:
        out: a new folder, or an earlier benchmark's.
        tasks: names.
        seeds: each with networks and splits of its own.
        numbers: real networks on each side of the training sets.
    """

    out: Path
    tasks: tuple[str, ...] = EVERYTHING
    seeds: tuple[int, ...] = SEEDS
    numbers: tuple[int, ...] = NUMBERS


def run_networks(bench: NetworksBench, *, show: Show) -> list[CellRows]:
    """Runs a benchmark, or goes on with an interrupted one.

    Args:
        bench: what to do.
        show: is told of progress.

    Raises:
        UsageError: an unknown task, or scikit-learn is missing.
        StorageError: the folder holds something else, or the disk refuses.
    """
    makers = [find_task(name) for name in bench.tasks]
    claim_folder(
        bench.out, mark=MARK, words="Written by `sif bench metav`; run it again to go on.\n"
    )
    cells = []
    # Seed by seed, so that all tasks have some cells early.
    for seed in bench.seeds:
        for name, make in zip(bench.tasks, makers, strict=True):
            cells.append(_cell(make(seed), seed, bench, show))
            show("cells", len(cells), len(bench.seeds) * len(makers), f"{name}, seed {seed}")
    return cells


def _cell(task: Task, seed: int, bench: NetworksBench, show: Show) -> CellRows:
    """The rows of a cell: those that were found before, and those that are missing."""
    settings = _digest(_facts(task))
    path = bench.out / "cells" / f"{task.name}-{seed}.json"
    before = read_cell(path, settings)
    workshop = Workshop(bench.out / "networks")
    judges = _judges(task, seed, bench.numbers, workshop)
    known = {one.label: before.of(one.label, one.settings) for one in judges} if before else {}
    done = {label: judged for label, judged in known.items() if judged is not None}
    if before is not None and len(done) == len(judges):
        return before
    stage, told = f"{task.name} {seed}", 0
    suspects = 2 * COPIES * len(thefts(task))
    short = SHORT_NEGATIVES + len(short_thefts(task))
    total = 1 + 2 * POOL + short + suspects + len(judges)

    def tell(words: str) -> None:
        nonlocal told
        told += 1
        show(stage, told, total, words)

    sets = make_sets(task, workshop, seed, tell=tell)
    for judge in judges:
        tell(judge.label)
        if judge.label not in done:
            done[judge.label] = judge.judge(sets)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """Somebody who judges all suspects of a cell; `settings` is a digest of how."""

    label: str
    settings: str
    judge: Callable[[Sets], Judged]


def _judges(task: Task, seed: int, numbers: tuple[int, ...], workshop: Workshop) -> list[_Judge]:
    judges = []
    for one in contenders(numbers):
        facts = [one.label, one.checkpoints, one.settings(task).model_dump()]
        settings = _digest(facts)
        work = partial(_contend, one, settings, task, seed)
        judges.append(_Judge(label=one.label, settings=settings, judge=work))
    for other in contrasts(task, numbers):
        settings = _digest([other.label, other.settings.model_dump()])
        work = partial(_contrast, other, settings, task, seed, workshop)
        judges.append(_Judge(label=other.label, settings=settings, judge=work))
    if task.owner.classes:
        settings = _digest([IPGUARD, task.fingerprints, asdict(IpGuard())])
        work = partial(_ipguard, settings, task, seed)
        judges.append(_Judge(label=IPGUARD, settings=settings, judge=work))
    return judges


def _contend(contender: Contender, settings: str, task: Task, seed: int, sets: Sets) -> Judged:
    sides, seconds = contender.sides(sets)
    begun = time.process_time()
    trained = train_fingerprints(
        sets.protected.networks[0],
        sides,
        contender.settings(task),
        domain=task.owner.domain,
        ordinary=task.owner.inputs,
        kind=task.kind,
        seed=seed,
    )
    training = time.process_time() - begun
    found = trained.scores([suspect.network for suspect in sets.suspects])
    cost = Cost(contender=contender.label, settings=settings, networks=seconds, training=training)
    return _scores(contender.label, sets, found), cost


def _contrast(
    contender: Contrast, settings: str, task: Task, seed: int, workshop: Workshop, sets: Sets
) -> Judged:
    """References instead of training; with enough of them, p-values too."""
    (protected, *references), seconds = contender.families(task, sets, workshop, seed)
    begun = time.process_time()
    made = contrast_fingerprints(
        protected,
        references,
        contender.settings,
        domain=task.owner.domain,
        ordinary=task.owner.inputs,
        kind=task.kind,
        seed=seed,
    )
    cost = Cost(
        contender=contender.label,
        settings=settings,
        networks=seconds,
        training=time.process_time() - begun,
    )
    suspects = [suspect.network for suspect in sets.suspects]
    rows = _scores(contender.label, sets, made.scores(suspects))
    ranked = made.verifier.p_values(made.readings(suspects))
    if ranked is not None and contender.number >= ENOUGH:
        rows = tuple(
            row.model_copy(update={"p_value": p_value})
            for row, p_value in zip(rows, ranked.tolist(), strict=True)
        )
    return rows, cost


def _ipguard(settings: str, task: Task, seed: int, sets: Sets) -> Judged:
    """The published method on as many inputs as the others have."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(task.owner), generator=generator)[: task.fingerprints]
    begun = time.process_time()
    points = ipguard(sets.protected.networks[0], task.owner.inputs[chosen], IpGuard())
    training = time.process_time() - begun
    found = [matching_rate(points, suspect.network) for suspect in sets.suspects]
    cost = Cost(contender=IPGUARD, settings=settings, networks=0.0, training=training)
    return _scores(IPGUARD, sets, found), cost


def _scores(label: str, sets: Sets, found: Sequence[float]) -> tuple[Score, ...]:
    return tuple(
        Score(
            contender=label,
            suspect=suspect.kind,
            copy_of_protected=suspect.copy,
            quality=suspect.quality,
            score=number,
        )
        for suspect, number in zip(sets.suspects, found, strict=True)
    )


def _facts(task: Task) -> dict[str, Any]:
    """What decides the networks of a cell: data, trainings, thefts; not the code."""
    return {
        "data": digest_data(task.owner),
        "training": task.training.model_dump(),
        "thefts": {name: theft.model_dump(mode="json") for name, theft in thefts(task).items()},
        "short": [theft.model_dump(mode="json") for theft in short_thefts(task)],
        "numbers": [COPIES, POOL, SHORT_NEGATIVES, task.trained_kinds, task.suspect_kinds],
    }


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
