from pathlib import Path

import pytest
import torch

from sif.attacks.weights.attack import Workbench
from sif.attacks.weights.parts import linear_layers
from sif.attacks.weights.theft import steal
from sif.attacks.weights.two_of_four import TwoOfFour, keep_two_of_four
from sif.vlm.folder import load_model


def test_exactly_two_of_every_four_neighbours_go_and_they_are_the_smallest(
    folder: Path, tmp_path: Path
) -> None:
    steal(folder, tmp_path / "pruned", [TwoOfFour()])
    before, after = (linear_layers(load_model(place)) for place in (folder, tmp_path / "pruned"))
    assert before.keys() == after.keys()
    for name, layer in after.items():
        new, old = (weight.reshape(-1, 4) for weight in (layer.weight, before[name].weight))
        gone = new == 0
        assert (gone.sum(dim=1) == 2).all(), name
        assert torch.equal(new[~gone], old[~gone]), name
        assert (old.abs()[gone].view(-1, 2).amax(1) <= old.abs()[~gone].view(-1, 2).amin(1)).all()


def test_output_head_and_embeddings_are_left_alone(folder: Path, tmp_path: Path) -> None:
    before, after = load_model(folder), load_model(folder)
    TwoOfFour().apply(after, None, Workbench(scratch=tmp_path))
    for part in ("get_output_embeddings", "get_input_embeddings"):
        assert torch.equal(getattr(before, part)().weight, getattr(after, part)().weight)


@pytest.mark.parametrize("columns", range(1, 10))
def test_what_is_left_over_at_a_rows_end_stays(columns: int) -> None:
    weight = torch.arange(1.0, 3 * columns + 1).reshape(3, columns)
    whole = columns // 4 * 4
    pruned = keep_two_of_four(weight)
    assert int((pruned == 0).sum()) == 3 * whole // 2
    assert torch.equal(pruned[:, whole:], weight[:, whole:])


def test_equal_weights_lose_two_as_well() -> None:
    assert (keep_two_of_four(torch.ones(5, 8)) == 0).sum() == 20


def test_a_second_time_changes_nothing() -> None:
    once = keep_two_of_four(torch.randn(6, 16, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(keep_two_of_four(once), once)
