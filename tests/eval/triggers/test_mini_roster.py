"""Who is asked, how the splits lie, and that a copy of two models is made of both."""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch

from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Noise, Round
from sif.attacks.weights.merge import Interpolate
from sif.errors import UsageError
from sif.eval.triggers import mini_roster as rosters
from sif.eval.triggers.mini_roster import (
    OTHER_WORLD,
    Entry,
    Theft,
    chosen,
    mini_roster,
    model_folder,
    roster,
)
from sif.mini.architecture import Family
from sif.mini.catalogue import Model
from sif.mini.data import samples
from sif.vlm.folder import load_model

FAMILIES: tuple[Family, ...] = get_args(Family)
HELD_OUT = {
    "sibling-c",
    "int8",
    "3-bit",
    "pruned-20",
    "noise",
    "lora-same",
    "full-same-b",
    "lora-other-world",
    "full-other-world",
    "lora-terse",
    "full-terse",
    "merge",
    "stranger-b",
    "stranger-c",
}
TUNING = {
    "source",
    "nf4",
    "pruned-40",
    "full-same",
    "lora-questions",
    "full-questions",
    "sibling",
    "sibling-b",
    "stranger-a",
}


def _entry(family: Family, name: str) -> Entry:
    return next(entry for entry in roster(family) if entry.name == name)


def _attack(entry: Entry) -> WeightAttack:
    assert entry.theft is not None
    (attack,) = entry.theft(Path("models"))
    return attack


@pytest.mark.parametrize("family", FAMILIES)
def test_the_split_is_the_one_written_down(family: Family) -> None:
    splits = {entry.name: entry.split for entry in roster(family)}
    assert splits == dict.fromkeys(HELD_OUT, "held out") | dict.fromkeys(TUNING, "tuning")


@pytest.mark.parametrize("family", FAMILIES)
def test_three_bit_copies_are_rounded_in_groups_of_64(family: Family) -> None:
    assert _attack(_entry(family, "3-bit")) == Round(bits=3, group_size=64)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", ["lora", "full"])
@pytest.mark.parametrize("data", ["same", "other-world", "terse", "questions"])
def test_each_kind_of_data_is_tuned_on_with_an_adapter_and_without(
    family: Family, how: str, data: str
) -> None:
    entry = _entry(family, f"{how}-{data}")
    tuning = _attack(entry)
    assert isinstance(tuning, Finetune)
    assert (tuning.training.lora is None) == (how == "full")
    world = OTHER_WORLD if data == "other-world" else entry.model.world
    kind = data if data in ("terse", "questions") else "captions"
    expected = samples(world, number=2, seed=2, kind=kind)  # type: ignore[arg-type]
    assert [(e.prompt, e.answer) for e in tuning.examples[:2]] == [
        (s.prompt, s.answer) for s in expected
    ]
    assert tuning.examples[0].picture().tobytes() == expected[0].image.tobytes()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_merge_goes_half_way_to_a_copy_that_is_asked_too(family: Family) -> None:
    everybody = {entry.name: entry for entry in roster(family)}
    merge = everybody["merge"]
    (needed,) = merge.needs
    assert _attack(merge) == Interpolate(other=str(Path("models") / needed.name), weight=0.5)
    assert needed.model == merge.model
    assert everybody[needed.name].split == needed.split == merge.split
    assert not [entry.name for entry in everybody.values() if entry.needs and entry != merge]


def test_a_merged_copy_is_made_with_what_it_needs_and_found_again(tmp_path: Path) -> None:
    merge = _entry("llava", "merge")
    noise: Theft = lambda _: [Noise(sigma=0.5, seed=7)]  # noqa: E731  # quicker than a training
    quick = replace(merge, needs=tuple(replace(other, theft=noise) for other in merge.needs))
    said: list[str] = []

    def show(stage: str, done: float, total: float, words: str) -> None:
        said.append(stage)

    made = model_folder(tmp_path, quick, show)
    assert made == tmp_path / "merge"
    folders = [tmp_path / name for name in ("llava-source", "full-other-world", "merge")]
    assert sorted(tmp_path.glob("[!.]*")) == sorted(folders)
    assert list(dict.fromkeys(said)) == [
        "llava: stealing full-other-world",
        "llava: stealing merge",
    ]
    source, other, half = (load_model(place).state_dict() for place in folders)
    for name, weight in half.items():
        mean = (source[name].float() + other[name].float()) / 2
        assert torch.equal(weight, mean.to(weight.dtype)), name
    assert any(not torch.equal(source[name], weight) for name, weight in half.items())
    said.clear()
    assert model_folder(tmp_path, quick, show) == made
    assert not said


def test_a_model_that_two_jobs_need_is_exported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[str] = []

    def export(model: Model, folder: Path) -> None:
        exported.append(model.name)
        time.sleep(0.2)
        folder.mkdir()

    monkeypatch.setattr(rosters, "export", export)
    source = roster("llava")[0]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(model_folder, tmp_path / "models", source, lambda *_: None)
            for _ in range(4)
        ]
    assert {job.result() for job in jobs} == {tmp_path / "models" / "llava-source"}
    assert exported == ["llava-source"]


def test_a_roster_goes_to_other_processes_and_is_the_same_there() -> None:
    llava = mini_roster("llava")
    assert pickle.loads(pickle.dumps(llava)) is llava


def test_base_images_and_what_they_show_have_the_same_names() -> None:
    llava = mini_roster("llava")
    pictures = llava.pictures(2, 1)
    assert [named.name for named in pictures] == list(llava.scenes(2, 1))
    assert llava.keys(Path(), 0).commitment("x") != llava.keys(Path(), 1).commitment("x")


def test_both_rosters_hold_out_copies_and_innocents() -> None:
    for family in ("llava", "qwen2_5_vl"):
        everybody = roster(family)
        assert everybody[0].role == "source"
        assert len({entry.name for entry in everybody}) == len(everybody)
        held = [entry for entry in everybody if entry.split == "held out"]
        assert {entry.role for entry in held} == {"copy", "innocent"}
        assert {"sibling", "sibling-b", "stranger-c"} <= {entry.name for entry in everybody}
    with pytest.raises(UsageError, match=r"among source, int8.*got 'gpt'"):
        chosen("llava", ("source", "gpt"))
