from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from sif.attacks.weights.attack import Facts, Progress, Workbench
from sif.attacks.weights.parts import linear_layers
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.round import Round
from sif.vlm.folder import load_model, load_processor
from sif.wear import rounded


def _attacked(attack: Round, folder: Path, scratch: Path) -> tuple[torch.nn.Module, Facts]:
    model = load_model(folder, dtype=torch.float32)
    facts = attack.apply(model, None, Workbench(scratch=scratch))
    return model, facts


def test_a_group_gets_evenly_spaced_values_from_its_smallest_to_its_largest() -> None:
    row = torch.tensor([[-1.0, -0.6, 0.1, 0.6, 2.0]])
    expected = torch.tensor([[-1.0, -1.0, 0.0, 1.0, 2.0]])
    torch.testing.assert_close(rounded(row, bits=2, group_size=5), expected)


def test_groups_and_rows_have_grids_of_their_own_and_the_last_group_may_be_shorter() -> None:
    weight = torch.tensor([[0.0, 1.4, 3.0, 100.0, 104.0], [0.0, 14.0, 30.0, -5.0, 7.0]])
    expected = torch.tensor([[0.0, 1.0, 3.0, 100.0, 104.0], [0.0, 10.0, 30.0, -5.0, 7.0]])
    torch.testing.assert_close(rounded(weight, bits=2, group_size=3), expected)


def test_a_group_of_equal_weights_stays() -> None:
    weight = torch.full((2, 7), 0.3)
    assert torch.equal(rounded(weight, bits=3, group_size=4), weight)


@pytest.mark.parametrize(("bits", "group_size"), [(2, 64), (3, 64), (4, 50), (8, 1000)])
def test_no_weight_moves_more_than_half_a_step_and_values_are_few(
    folder: Path, tmp_path: Path, bits: int, group_size: int
) -> None:
    before = load_model(folder, dtype=torch.float32)
    after, _ = _attacked(Round(bits=bits, group_size=group_size), folder, tmp_path)
    for name, layer in linear_layers(before).items():
        rounded = after.get_submodule(name).weight
        for start in range(0, layer.weight.shape[1], group_size):
            old = layer.weight[:, start : start + group_size]
            new = rounded[:, start : start + group_size]
            step = (old.amax(1) - old.amin(1)) / (2**bits - 1)
            assert bool(((new - old).abs().amax(1) <= step / 2 * 1.001 + 1e-7).all())
            assert max(len(row.unique()) for row in new) <= 2**bits


def test_layers_are_those_that_bitsandbytes_rounds(folder: Path, tmp_path: Path) -> None:
    before, ours, theirs = (load_model(folder) for _ in range(3))
    bench = Workbench(scratch=tmp_path, device="cpu")
    facts = Round(bits=3).apply(ours, None, bench)
    Quantize(kind="nf4").apply(theirs, load_processor(folder), bench)
    changed, expected = (
        {n for n, old in before.named_parameters() if not torch.equal(old, model.get_parameter(n))}
        for model in (ours, theirs)
    )
    assert changed == expected == {f"{name}.weight" for name in linear_layers(before)}
    assert facts["layers"] == list(linear_layers(before))


def test_the_error_told_is_the_mean_over_layers(folder: Path, tmp_path: Path) -> None:
    before = linear_layers(load_model(folder, dtype=torch.float32))
    after, facts = _attacked(Round(bits=3), folder, tmp_path)
    errors = [
        ((after.get_submodule(name).weight - layer.weight).norm() / layer.weight.norm()).item()
        for name, layer in before.items()
    ]
    assert facts["layers"] == list(before)
    assert facts["relative_error"] == pytest.approx(sum(errors) / len(errors), rel=1e-4)
    assert 0.05 < sum(errors) / len(errors) < 0.3


def test_fewer_bits_and_larger_groups_lose_more(untrained_llava: Path, tmp_path: Path) -> None:
    kinds = [(8, 64), (4, 64), (3, 64), (3, 128), (2, 128)]
    errors = [
        _attacked(Round(bits=b, group_size=g), untrained_llava, tmp_path)[1]["relative_error"]
        for b, g in kinds
    ]
    assert errors == sorted(errors)
    assert len(set(errors)) == len(errors)


def test_pruned_layers_of_zeros_alone_can_be_rounded(untrained_llava: Path, tmp_path: Path) -> None:
    model = load_model(untrained_llava)
    layers = list(linear_layers(model).values())
    with torch.no_grad():
        for layer in layers:
            layer.weight.zero_()
    facts = Round(bits=2).apply(model, None, Workbench(scratch=tmp_path))
    assert facts["relative_error"] == 0.0
    assert not any(bool(layer.weight.any()) for layer in layers)


def test_progress_counts_layers(untrained_llava: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    model = load_model(untrained_llava)
    Round(bits=3).apply(model, None, Workbench(scratch=tmp_path, report=seen.append))
    number = len(linear_layers(model))
    assert [p.step for p in seen] == list(range(1, number + 1))
    assert {(p.stage, p.steps) for p in seen} == {("round", number)}


@pytest.mark.parametrize("settings", [{"bits": 1}, {"bits": 9}, {"bits": 3, "group_size": 0}])
def test_grids_that_make_no_sense_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Round(**settings)
