from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from sif.attacks.weights.attack import Facts, Progress, Workbench
from sif.attacks.weights.layerwise import Noise, Prune, Round, TwoOfFour, keep_two_of_four
from sif.attacks.weights.parts import linear_layers
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.theft import steal
from sif.vlm.folder import load_model, load_processor
from sif.wear import rounded


@pytest.mark.parametrize("fraction", [0.2, 0.4])
def test_every_layer_loses_exactly_the_fraction(
    folder: Path, tmp_path: Path, fraction: float
) -> None:
    model = load_model(folder)
    Prune(fraction=fraction).apply(model, None, Workbench(scratch=tmp_path))
    for layer in linear_layers(model).values():
        zeros = int((layer.weight == 0).sum())
        assert zeros == round(fraction * layer.weight.numel())


def test_the_smallest_weights_go_and_the_rest_stays(folder: Path, tmp_path: Path) -> None:
    before, after = load_model(folder), load_model(folder)
    Prune(fraction=0.3).apply(after, None, Workbench(scratch=tmp_path))
    for old, new in zip(linear_layers(before).values(), linear_layers(after).values(), strict=True):
        gone = new.weight == 0
        assert old.weight[gone].abs().max() <= old.weight[~gone].abs().min()
        assert torch.equal(old.weight[~gone], new.weight[~gone])


def test_output_head_and_embeddings_are_left_alone(folder: Path, tmp_path: Path) -> None:
    before, after = load_model(folder), load_model(folder)
    Prune(fraction=0.3).apply(after, None, Workbench(scratch=tmp_path))
    for part in ("get_output_embeddings", "get_input_embeddings"):
        assert torch.equal(getattr(before, part)().weight, getattr(after, part)().weight)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_fractions_outside_0_and_1_are_refused(fraction: float) -> None:
    with pytest.raises(ValidationError):
        Prune(fraction=fraction)


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


def test_two_of_four_leaves_output_head_and_embeddings_alone(folder: Path, tmp_path: Path) -> None:
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


def _noise(folder: Path, scratch: Path, *, seed: int) -> dict[str, torch.Tensor]:
    model = load_model(folder, dtype=torch.float32)
    before = {name: layer.weight.clone() for name, layer in linear_layers(model).items()}
    Noise(sigma=0.1, seed=seed).apply(model, None, Workbench(scratch=scratch))
    return {
        name: (layer.weight - before[name]) / before[name].std()
        for name, layer in linear_layers(model).items()
    }


def test_noise_is_the_fraction_of_each_layers_own_spread(folder: Path, tmp_path: Path) -> None:
    for noise in _noise(folder, tmp_path, seed=1).values():
        assert noise.std().item() == pytest.approx(0.1, rel=0.03)
        assert noise.mean().abs().item() < 0.005


def test_the_seed_decides_the_noise(untrained_llava: Path, tmp_path: Path) -> None:
    first, same, other = (_noise(untrained_llava, tmp_path, seed=seed) for seed in (1, 1, 2))
    for name, noise in first.items():
        assert torch.equal(noise, same[name])
        assert not torch.allclose(noise, other[name], atol=0.01)


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
