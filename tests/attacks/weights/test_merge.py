import re
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.layerwise import Noise
from sif.attacks.weights.merge import Interpolate, TaskArithmetic, Ties
from sif.attacks.weights.provenance import Provenance, digest_source
from sif.attacks.weights.theft import steal
from sif.errors import ModelError, UsageError
from sif.mini.architecture import Size, build_model
from sif.vlm.folder import load_model, load_processor, save_model

Tensors = dict[str, Tensor]


def _weights(model: Any) -> Tensors:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


@pytest.fixture
def trio(folder: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A base and two models tuned from it, all weights moved, as float32 folders."""
    places = []
    for name, seed in (("base", None), ("ours", 1), ("other", 2)):
        model = load_model(folder, dtype=torch.float32)
        if seed is not None:
            generator = torch.Generator().manual_seed(seed)
            with torch.no_grad():
                for weight in model.parameters():
                    weight += 0.02 * torch.randn(weight.shape, generator=generator)
        save_model(model, load_processor(folder), tmp_path / name)
        places.append(tmp_path / name)
    base, ours, other = places
    return base, ours, other


def _merged(attack: WeightAttack, source: Path, scratch: Path) -> tuple[Tensors, Facts]:
    model = load_model(source)
    facts = attack.apply(model, None, Workbench(scratch=scratch))
    return _weights(model), facts


def _assert_close(merged: Tensors, expected: Tensors) -> None:
    assert merged.keys() == expected.keys()
    for name, weight in merged.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-5, atol=1e-6, msg=name)


def test_interpolation_is_the_weighted_mean_of_every_weight(
    trio: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, source, guest = trio
    ours, other = (_weights(load_model(place)) for place in (source, guest))
    for weight in (0.5, 0.2):
        merged, _ = _merged(Interpolate(other=str(guest), weight=weight), source, tmp_path)
        _assert_close(merged, {n: (1 - weight) * ours[n] + weight * other[n] for n in ours})


def test_task_arithmetic_adds_both_changes_to_the_base(
    trio: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    root, source, guest = trio
    base, ours, other = (_weights(load_model(place)) for place in (root, source, guest))
    attack = TaskArithmetic(other=str(guest), base=str(root), weight=0.3)
    merged, facts = _merged(attack, source, tmp_path)
    expected = {n: b + 0.3 * (ours[n] - b) + 0.3 * (other[n] - b) for n, b in base.items()}
    _assert_close(merged, expected)
    assert facts["base_digest"] == digest_source(root)


def test_ties_is_the_algorithm_of_the_paper_on_the_flat_task_vectors(
    trio: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    root, source, guest = trio
    attack = Ties(other=str(guest), base=str(root), weight=0.7, density=0.2)
    merged, _ = _merged(attack, source, tmp_path)
    base, ours, other = (_flat(_weights(load_model(place))) for place in (root, source, guest))
    tasks = torch.stack([ours - base, other - base])
    kept = torch.zeros_like(tasks)
    for row, task in zip(kept, tasks, strict=True):
        largest = task.abs().topk(round(0.2 * len(task))).indices
        row[largest] = task[largest]
    elected = kept.sum(0).sign()
    agreeing = kept * (kept.sign() == elected)
    mean = agreeing.sum(0) / (agreeing != 0).sum(0).clamp(min=1)
    torch.testing.assert_close(_flat(merged), base + 0.7 * mean, rtol=1e-5, atol=1e-6)


def _flat(weights: Tensors) -> Tensor:
    return torch.cat([weight.flatten() for weight in weights.values()])


def test_ties_with_a_twin_and_everything_kept_gives_the_model_back(
    trio: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    root, source, _ = trio
    attack = Ties(other=str(source), base=str(root), density=1.0)
    merged, _ = _merged(attack, source, tmp_path)
    _assert_close(merged, _weights(load_model(source)))


def test_precision_and_names_stay_those_of_the_model_attacked(
    trio: tuple[Path, Path, Path], folder: Path, tmp_path: Path
) -> None:
    _, _, guest = trio
    history = steal(folder, tmp_path / "merged", [Interpolate(other=str(guest))])
    source, merged = (_weights(load_model(place)) for place in (folder, tmp_path / "merged"))
    other = _weights(load_model(guest))
    assert {weight.dtype for weight in merged.values()} == {torch.bfloat16}
    for name, weight in merged.items():
        assert torch.equal(weight, ((source[name].float() + other[name]) / 2).bfloat16()), name
    (record,) = Provenance.load(tmp_path / "merged").attacks
    assert record == history.attacks[0]
    assert record.parameters == {"other": str(guest), "weight": 0.5}
    assert record.facts == {"tensors": len(merged), "other_digest": digest_source(guest)}


def test_another_architecture_is_refused_by_its_first_tensor(
    untrained_llava: Path, untrained_qwen: Path, tmp_path: Path
) -> None:
    model = load_model(untrained_llava)
    first, weight = next(iter(model.named_parameters()))
    before = _weights(model)
    message = (
        rf"{first} is missing in its Qwen2_5_VL\w+ and "
        rf"{re.escape(str(tuple(weight.shape)))} in the Llava\w+ attacked"
    )
    with pytest.raises(UsageError, match=message):
        Interpolate(other=str(untrained_qwen)).apply(model, None, Workbench(scratch=tmp_path))
    _assert_close(_weights(model), before)


@pytest.mark.parametrize("role", ["other", "base"])
def test_another_width_is_refused_by_both_shapes(
    untrained_llava: Path, tmp_path: Path, role: str
) -> None:
    wide = build_model("llava", seed=3, size=Size(feed_forward=400)).to(torch.bfloat16)
    save_model(wide, load_processor(untrained_llava), tmp_path / "wide")
    good = {"other": str(untrained_llava), "base": str(untrained_llava)}
    attack = Ties(**{**good, role: str(tmp_path / "wide")})
    model = load_model(untrained_llava)
    theirs = dict(wide.named_parameters())
    name, ours = next((n, w) for n, w in model.named_parameters() if w.shape != theirs[n].shape)
    here, there = (re.escape(str(tuple(w.shape))) for w in (ours, theirs[name]))
    with pytest.raises(UsageError, match=rf"wide to have .*{name} is {there} .* and {here} in"):
        attack.apply(model, None, Workbench(scratch=tmp_path))


def test_a_tensor_that_only_the_other_has_is_refused(untrained_llava: Path, tmp_path: Path) -> None:
    deep = build_model("llava", seed=3, size=Size(layers=Size().layers + 1)).to(torch.bfloat16)
    save_model(deep, load_processor(untrained_llava), tmp_path / "deep")
    with pytest.raises(UsageError, match=rf"layers\.{Size().layers}\..* and missing in the Llava"):
        steal(untrained_llava, tmp_path / "out", [Interpolate(other=str(tmp_path / "deep"))])
    assert {file.name for file in tmp_path.iterdir()} == {"deep"}


def test_a_missing_other_is_told_and_leaves_nothing(untrained_llava: Path, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(ModelError, match=r"expected a model folder.*nowhere"):
        steal(untrained_llava, tmp_path / "out", [Interpolate(other=str(missing))])
    assert not list(tmp_path.iterdir())


def test_what_comes_before_is_merged_too(untrained_llava: Path, tmp_path: Path) -> None:
    noise = Noise(sigma=0.5, seed=4)
    steal(untrained_llava, tmp_path / "noisy", [noise])
    steal(untrained_llava, tmp_path / "half", [noise, Interpolate(other=str(untrained_llava))])
    plain, noisy, half = (
        _weights(load_model(place, dtype=torch.float32))
        for place in (untrained_llava, tmp_path / "noisy", tmp_path / "half")
    )
    for name, weight in half.items():
        torch.testing.assert_close(weight, (plain[name] + noisy[name]) / 2, rtol=0.01, atol=1e-4)


def test_progress_counts_tensors(untrained_llava: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    model = load_model(untrained_llava)
    bench = Workbench(scratch=tmp_path, report=seen.append)
    Interpolate(other=str(untrained_llava)).apply(model, None, bench)
    number = len(_weights(model))
    assert [p.step for p in seen] == list(range(1, number + 1))
    assert {(p.stage, p.steps) for p in seen} == {("merge-linear", number)}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Interpolate, {"weight": 0.0}),
        (Interpolate, {"weight": 1.0}),
        (TaskArithmetic, {"base": "b", "weight": 0.0}),
        (TaskArithmetic, {"base": "b", "weight": float("inf")}),
        (TaskArithmetic, {}),
        (Ties, {"base": "b", "density": 0.0}),
        (Ties, {"base": "b", "density": 1.1}),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    kind: type[WeightAttack], settings: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        kind(other="o", **settings)
