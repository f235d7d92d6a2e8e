import sys

import pytest
import torch

from sif.errors import UsageError
from sif.eval.networks.tasks import TASKS, find_task, split
from tests.networks.small import examples


def test_nobody_shares_an_example_with_another() -> None:
    data = examples(100)
    parts = split(data, 3)
    assert [len(part) for part in parts] == [45, 35, 20]
    rows = torch.cat([part.inputs for part in parts])
    assert len(rows.unique(dim=0)) == 100
    again = split(data, 4)
    assert not torch.equal(again[0].inputs, parts[0].inputs)


@pytest.mark.parametrize("name", TASKS)
def test_networks_of_every_kind_fit_their_task(name: str) -> None:
    task = find_task(name)(1)
    shape = task.owner.targets.shape[1:]
    for kind in {0, *task.trained_kinds, *task.suspect_kinds}:
        network = task.begin(kind, 5)
        said = network(task.owner.inputs[:3])
        assert torch.isfinite(said).all()
        assert len(said) == 3
        if task.owner.classes:
            assert said.shape[1] == int(task.owner.targets.max()) + 1
        else:
            assert said.shape[1:] == shape
        again = task.begin(kind, 5)(task.owner.inputs[:3])
        assert torch.equal(said, again)
    stored = task.owner.domain.store(task.owner.inputs)
    assert torch.allclose(stored, task.owner.inputs, atol=1e-5)


def test_the_towers_that_judge_are_not_those_that_train() -> None:
    task = find_task("tower")(1)
    assert not {0, *task.trained_kinds} & set(task.suspect_kinds)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UsageError, match="digits"):
        find_task("letters")


def test_without_scikit_learn_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(UsageError, match=r"sif-lvlm\[bench\]"):
        find_task("digits")(1)
