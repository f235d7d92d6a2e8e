"""The whole benchmark on a task of tiny networks that learn for an instant."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from sif.errors import UsageError
from sif.eval.networks import judging, study
from sif.eval.networks.classifiers import Trajectory
from sif.eval.networks.contender import Case
from sif.eval.networks.judging import Trained, contenders, contrasts
from sif.eval.networks.scores import CellRows
from sif.eval.networks.sets import LEARNT, REMOVED, make_sets, removals, thefts
from sif.eval.networks.study import STUDY, NetworkSettings, judge_cell
from sif.eval.networks.tasks import Task, split
from sif.eval.study import Workplace, read_settings, run_study
from sif.networks.architecture import Mlp, build
from sif.networks.joint_training import train_fingerprints
from sif.networks.thefts.fit import Fit
from sif.networks.weights import digest_network
from sif.networks.workshop import Made, Workshop
from tests.networks.small import ARCHITECTURE, Constant, examples


def tiny(seed: int) -> Task:
    owner, thief, unseen = split(examples(80), seed)
    kinds = (ARCHITECTURE, Mlp(inputs=(6,), widths=(5,), outputs=(3,), activation="tanh"))
    short = Fit(epochs=2, batch_size=16, learning_rate=1e-2)
    return Task(
        name="tiny",
        kind="logits",
        owner=owner,
        thief=thief,
        unseen=unseen,
        begin=lambda number, start: build(kinds[number], seed=start).eval(),
        trained_kinds=(0, 1),
        suspect_kinds=(0, 1),
        student=kinds[1],
        training=short,
        tuning=short,
        fingerprints=5,
        iterations=5,
    )


def quiet(stage: str, done: float, total: float, words: str) -> None:
    assert 0 <= done <= total


@pytest.fixture
def tiny_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "find_task", lambda name: tiny)


def test_no_suspect_has_a_part_in_training(tmp_path: Path) -> None:
    sets = make_sets(tiny(1), Workshop(tmp_path), 1, tell=lambda words: None)
    makings = [sets.protected, *sets.positives, *sets.negatives]
    makings += [*sets.short_positives, *sets.short_negatives]
    seen = [network for made in makings for network in made.networks]
    digests = {digest_network(network) for network in seen}
    suspects = [digest_network(suspect.network) for suspect in sets.suspects]
    drawn = [
        digest
        for digest, suspect in zip(suspects, sets.suspects, strict=True)
        if suspect.kind != "quantize"  # which has neither data nor seed
    ]
    assert not digests & set(drawn)
    assert len(set(drawn)) == len(drawn)


def test_copies_and_innocents_are_as_many_and_every_theft_is_there(tmp_path: Path) -> None:
    sets = make_sets(tiny(1), Workshop(tmp_path), 1, tell=lambda words: None)
    copies = [s.kind for s in sets.suspects if s.copy and s.kind not in REMOVED]
    removed = [s.kind for s in sets.suspects if s.kind in REMOVED]
    assert sorted(removed) == sorted(3 * list(removals(tiny(1))))
    assert len(copies) + len(removed) + 30 == len(sets.suspects)
    assert len(copies) == 30
    assert set(copies) == set(thefts(tiny(1)))
    assert set(LEARNT) < set(copies)
    sizes = {sum(p.numel() for p in suspect.network.parameters()) for suspect in sets.suspects}
    assert len(sizes) == 2


@pytest.mark.usefixtures("tiny_task")
def test_everybody_judges_every_suspect_and_an_interrupted_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []
    first = judge_cell((1, 2), tmp_path, 1, "tiny", lambda *it: told.append(it[3]))
    labels = ["metav ×1", "metav ×2", "liteguard ×1", "liteguard ×2", "near ×1", "near ×2"]
    labels += ["near + short ×1", "contrast ×1", "contrast ×19", "ipguard", "adv-tra"]
    labels += ["fit-print ×1", "fit-print + innocents ×1", "fit-print + innocents ×2"]
    assert [cost.contender for cost in first.costs] == labels
    for label in labels:
        scores = [row.score for row in first.scores if row.contender == label]
        assert len(scores) == 69
        assert all(0 <= score <= 1 for score in scores)
    assert "near ×2" in told
    ranked = {row.contender for row in first.scores if row.p_value is not None}
    assert ranked == {"contrast ×19", *labels[-3:]}

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("made again")

    with monkeypatch.context() as patched:
        patched.setattr(judging, "train_fingerprints", refuse)
        patched.setattr(judging, "contrast_fingerprints", refuse)
        assert judge_cell((1, 2), tmp_path, 1, "tiny", quiet) == first
    trained: list[object] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        trained.append(arguments)
        return train_fingerprints(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(judging, "train_fingerprints", counted)
        larger = judge_cell((1, 2, 3), tmp_path, 1, "tiny", quiet)
    assert len(trained) == 3  # metav, liteguard and near with three networks
    once = ("near ×2", "fit-print + innocents ×2")  # of the largest number alone
    kept = [row for row in first.scores if row.contender not in once]
    assert set(kept) <= set(larger.scores)


def test_readers_of_classes_say_so_where_there_are_none(tmp_path: Path) -> None:
    task = tiny(1)
    parts = [
        part.retold(part.inputs, part.inputs[:, :3].contiguous(), soft=False)
        for part in (task.owner, task.thief, task.unseen)
    ]
    numbers = replace(task, owner=parts[0], thief=parts[1], unseen=parts[2], kind="values")
    workshop = Workshop(tmp_path)
    sets = make_sets(numbers, workshop, 1, tell=lambda words: None)
    case = Case(task=numbers, seed=1, sets=sets, workshop=workshop)
    silent = [one for one in contenders(numbers, (1, 3)) if one.refusal(numbers) is not None]
    labels = ["ipguard", "adv-tra", "fit-print ×1"]
    assert [one.label for one in silent] == [
        *labels,
        "fit-print + innocents ×1",
        "fit-print + innocents ×3",
    ]
    for one in silent:
        rows, cost = one.judge(case)
        assert rows == ()
        assert "scores of classes" in str(cost.reason)
    assert not [one.label for one in contenders(task, (1, 3)) if one.refusal(task) is not None]


def test_a_network_that_no_walk_leads_through_is_a_row_with_the_reason(tmp_path: Path) -> None:
    task, workshop = tiny(1), Workshop(tmp_path)
    sets = make_sets(task, workshop, 1, tell=lambda words: None)
    flat = Made([Constant(torch.tensor([1.0, 0.0, 0.0]))], 0.0)
    case = Case(task=task, seed=1, sets=replace(sets, protected=flat), workshop=workshop)
    rows, cost = Trajectory().judge(case)
    assert rows == ()
    assert "leads on" in str(cost.reason)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_task")
def test_a_study_has_a_cell_for_each_seed(tmp_path: Path) -> None:
    settings = NetworkSettings(tasks=("tiny",), seeds=(1, 2), numbers=(1, 2))
    files = run_study(STUDY, settings, Workplace(out=tmp_path / "b", show=quiet))
    names = [path.name for path in files]
    assert names == ["summary.md", "aruc.svg", "scores.parquet", "costs.parquet"]
    rows = pq.read_table(tmp_path / "b" / "scores.parquet").to_pylist()
    assert {(row["task"], row["seed"]) for row in rows} == {("tiny", 1), ("tiny", 2)}
    assert len(rows) == 2 * 69 * 14
    cells = sorted((tmp_path / "b" / "cells").iterdir())
    assert [path.name for path in cells] == ["tiny-1.json", "tiny-2.json"]
    seeds = [CellRows.model_validate_json(path.read_bytes()).seed for path in cells]
    assert seeds == [1, 2]


@pytest.mark.parametrize("typed", ["tasks=letters", "seeds=one", "numbers=11", "tasks="])
def test_wrong_settings_are_refused(typed: str) -> None:
    with pytest.raises(UsageError):
        read_settings(STUDY, [typed])


def test_contenders_see_as_many_networks_as_they_say(tmp_path: Path) -> None:
    sets = make_sets(tiny(1), Workshop(tmp_path), 1, tell=lambda words: None)
    trained = [one for one in contenders(tiny(1), (1, 3)) if isinstance(one, Trained)]
    assert {contender.method for contender in trained} == {"metav", "liteguard", "near"}
    for contender in trained:
        sides, seconds = contender.sides(sets)
        steps = 6 if contender.checkpoints else 0
        shorts = (4, 12) if contender.short else (0, 0)
        assert len(sides.positives) == contender.number + steps + shorts[0]
        assert len(sides.negatives) == contender.number * (1 + steps) + shorts[1]
        assert seconds > 0


def test_references_learn_like_the_protected_network_and_are_hardened_like_it(
    tmp_path: Path,
) -> None:
    task, workshop = tiny(1), Workshop(tmp_path)
    sets = make_sets(task, workshop, 1, tell=lambda words: None)
    few, enough = contrasts(task, (1, 3))
    assert (few.label, enough.label) == ("contrast ×1", "contrast ×19")
    families, seconds = enough.families(task, sets, workshop, 1)
    assert len(families) == 20
    assert seconds > 0
    assert families[0].head is sets.protected.networks[0]
    assert families[1].head is sets.negatives[0].networks[0]
    members = [member for family in families for member in family.members]
    assert all(isinstance(member, nn.Module) for member in members)
    digests = {digest_network(member) for member in members if isinstance(member, nn.Module)}
    assert len(digests) == 40
    suspects = {digest_network(suspect.network) for suspect in sets.suspects}
    assert not digests & suspects
    assert few.families(task, sets, workshop, 1)[0][1].head is families[1].head


def test_what_cannot_be_trained_again_makes_no_claims() -> None:
    elsewhere = replace(tiny(1), trained_kinds=(1,))
    assert [contender.label for contender in contrasts(elsewhere, (1,))] == ["contrast ×1"]


def test_torchs_generator_has_no_part(tmp_path: Path) -> None:
    found = []
    for number in (1, 2):
        torch.manual_seed(number)
        sets = make_sets(tiny(1), Workshop(tmp_path / str(number)), 1, tell=lambda words: None)
        found.append([digest_network(suspect.network) for suspect in sets.suspects])
    assert found[0] == found[1]
