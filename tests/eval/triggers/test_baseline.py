"""Triggers of the image baselines, made with few steps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sif.errors import ModelError, StorageError, UsageError
from sif.eval.triggers.baseline import PAIRS, batch_limit, load_baseline, make_baseline
from sif.eval.triggers.trigger_set import load_set, wanted_set
from sif.fingerprint.craft import build_objective
from sif.fingerprint.images import NamedImage
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.objectives.target_answer import answer_ids, contains_target
from sif.fingerprint.recipe import BUILT_IN, load_recipe
from sif.mini.catalogue import MODELS, find
from sif.mini.data import samples
from sif.mini.folders import build
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor
from tests.fingerprint.small import pictures

BASELINES = tuple(name for name in BUILT_IN if not name.startswith(("sif", "keyed")))


@pytest.fixture(scope="module")
def vlm(untrained_llava: Path) -> Vlm:
    return Vlm.load(untrained_llava, device="cpu")


def make(vlm: Vlm, out: Path, name: str = "ordinary", **changes: Any) -> list[Any]:
    settings: dict[str, Any] = {
        "images": pictures(4),
        "recipe": load_recipe(name, steps=2),
        "out": out,
        "pairs": PAIRS[:3],
        "batch_size": 2,
    }
    return make_baseline(vlm, **(settings | changes))


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_changes_its_pictures_within_the_budget(
    vlm: Vlm, tmp_path: Path, name: str
) -> None:
    limit = batch_limit(load_recipe(name))
    told: list[MakingProgress] = []
    made = make(vlm, tmp_path / name, name, batch_size=limit or 2, report=told.append)
    assert [trigger.record.id for trigger in made] == ["0001", "0002", "0003", "0004"]
    assert [trigger.record.answer for trigger in made] == [
        PAIRS[index % 3].answer for index in range(4)
    ]
    assert (limit == 1) == (name in ("pla", "agdi"))
    assert (told[-1].done + told[-1].part, told[-1].count) == (4, 4)
    for trigger in made:
        change = np.asarray(trigger.image, np.int16) - np.asarray(trigger.base, np.int16)
        assert 0 < np.abs(change).max() <= 2


def test_what_is_made_is_kept_and_only_a_spoilt_batch_is_made_again(
    vlm: Vlm, tmp_path: Path
) -> None:
    whole = make(vlm, tmp_path / "a")
    files = sorted(path for path in (tmp_path / "a").iterdir() if path.suffix == ".png")
    content = {path: path.read_bytes() for path in files}
    (tmp_path / "a" / "0003.json").unlink()
    (tmp_path / "a" / "0004.png").write_bytes(b"half a pict")
    with pytest.raises(StorageError, match="expected trigger 0003"):
        load_baseline(tmp_path / "a")
    times = {path: path.stat().st_mtime_ns for path in files}
    again = make(vlm, tmp_path / "a")
    assert {path: path.read_bytes() for path in files} == content
    assert [trigger.record for trigger in again] == [trigger.record for trigger in whole]
    kept = {path.name for path in files if path.stat().st_mtime_ns == times[path]}
    assert kept == {"0001.png", "0001.base.png", "0002.png", "0002.base.png"}


def test_a_folder_of_other_settings_or_versions_is_refused(vlm: Vlm, tmp_path: Path) -> None:
    make(vlm, tmp_path / "a", images=pictures(1))
    with pytest.raises(StorageError, match=r"settings that .* was begun with"):
        make(vlm, tmp_path / "a", images=pictures(1), seed=1)
    request = tmp_path / "a" / "request.json"
    request.write_text(request.read_text().replace('"schema_version": 1', '"schema_version": 0', 1))
    with pytest.raises(StorageError, match="as this version writes it"):
        make(vlm, tmp_path / "a", images=pictures(1))
    with pytest.raises(StorageError, match=r"request\.json"):
        load_baseline(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": []}, "images and pairs, got 0 and 3"),
        ({"pairs": []}, "images and pairs, got 4 and 0"),
        ({"recipe": load_recipe("sif")}, "target_answer, got sif with green_mass"),
        ({"recipe": load_recipe("pla"), "batch_size": 2}, "batches of 1 for pla, got 2"),
        ({"recipe": load_recipe("agdi"), "batch_size": 2}, "batches of 1 for agdi, got 2"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(
    vlm: Vlm, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        make(vlm, tmp_path / "a", **changes)
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
def test_nothing_is_kept_of_an_auxiliary_that_ran_away(vlm: Vlm, tmp_path: Path) -> None:
    agdi = load_recipe("agdi", steps=3)
    wild = agdi.robustness[0].model_copy(update={"rate": 1e38, "clip": 1e38})
    recipe = agdi.model_copy(update={"robustness": (wild,)})
    before = {name: value.clone() for name, value in vlm.model.state_dict().items()}
    with pytest.raises(ModelError, match="finite loss and gradient, got others in step"):
        make(vlm, tmp_path, recipe=recipe, batch_size=1)
    assert [path.name for path in tmp_path.iterdir()] == ["request.json"]
    assert all(torch.equal(before[name], it) for name, it in vlm.model.state_dict().items())


def test_triggers_of_a_batch_do_not_mix(vlm: Vlm, tmp_path: Path) -> None:
    for name in ("ordinary", "difgsm", "cropa", "rna"):
        alone, together = (
            make(vlm, tmp_path / f"{name} {size}", name, images=pictures(2), batch_size=size)
            for size in (1, 2)
        )
        for one, other in zip(alone, together, strict=True):
            same = np.asarray(one.image) == np.asarray(other.image)
            assert same.mean() > 0.98, (name, one.record.id)


def test_an_answer_is_graded_by_the_wanted_one(vlm: Vlm, tmp_path: Path) -> None:
    make(vlm, tmp_path / "a")
    some = load_set(tmp_path / "a", baseline=True)
    wanted = PAIRS[1].answer
    assert some.grade("0002", f"{wanted.upper()} notice").matched
    assert not some.grade("0001", wanted).matched
    assert some.grade("0002", None).matched is False
    assert some.grade("0002", wanted).green is None
    assert (some.vocabulary_size, some.green_size) == (None, None)
    question = some.questions[1]
    assert question.prompt == PAIRS[1].question
    assert question.query().image is question.image
    assert question.base_query().image is question.base


@pytest.mark.parametrize("family", ["llava", "qwen"])
def test_the_mini_models_know_every_word_of_questions_and_wanted_answers(family: str) -> None:
    model, processor = build(find(f"{family}-source"))
    vlm = Vlm(model, processor, family)
    for pair in PAIRS:
        assert len(answer_ids(vlm, pair.answer)) == 6 + 1
        pieces = vlm.tokenizer.tokenize(f"{pair.question} {pair.answer}")
        assert [piece for piece in pieces if "##" in piece] == []


def test_captions_hardly_ever_hold_a_wanted_answer() -> None:
    worlds = {model.world for model in MODELS}
    captions = [s.answer for world in worlds for s in samples(world, number=60, seed=3)]
    hits = sum(contains_target(text, pair.answer) for text in captions for pair in PAIRS)
    assert hits <= 2, len(captions)


@pytest.mark.slow
def test_a_trained_model_is_brought_to_wanted_answers(tmp_path: Path) -> None:
    from sif.mini.folders import export

    source = find("qwen-source")
    export(source, tmp_path / "model")
    scenes = samples(source.world, number=5, seed=1)
    made = make_baseline(
        Vlm.load(tmp_path / "model", device="cpu"),
        [NamedImage(name=str(number), image=s.image) for number, s in enumerate(scenes)],
        recipe=load_recipe("ordinary", steps=150),
        out=tmp_path / "made",
        pairs=PAIRS,
    )
    assert sum(trigger.record.matched for trigger in made) >= 2
    assert wanted_set(made).weak == sum(not trigger.record.matched for trigger in made)


@pytest.mark.parametrize("name", ["agdi", "rna"])
def test_what_is_left_is_made_as_if_nothing_had_happened(
    vlm: Vlm, tmp_path: Path, name: str
) -> None:
    def broken(progress: MakingProgress) -> None:
        if progress.done == 1 and progress.step == 1:
            raise KeyboardInterrupt

    before = [parameter.clone() for parameter in vlm.model.parameters()]
    settings: dict[str, Any] = {"images": pictures(2), "batch_size": 1}
    make(vlm, tmp_path / "whole", name, **settings)
    with pytest.raises(KeyboardInterrupt):
        make(vlm, tmp_path / "cut", name, report=broken, **settings)
    make(vlm, tmp_path / "cut", name, **settings)
    whole, cut = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        for folder in ("whole", "cut")
    )
    assert whole == cut
    assert all(torch.equal(*pair) for pair in zip(before, vlm.model.parameters(), strict=True))


@pytest.mark.slow
def test_agdi_brings_a_trained_model_near_the_wanted_answer(tmp_path: Path) -> None:
    from sif.mini.folders import export

    source = find("llava-source")
    export(source, tmp_path / "model")
    vlm = Vlm.load(tmp_path / "model", device="cpu")
    scenes = samples(source.world, number=1, seed=1)
    (made,) = make_baseline(
        vlm,
        [NamedImage(name="0", image=scenes[0].image)],
        recipe=load_recipe("agdi", steps=100),
        out=tmp_path / "made",
        pairs=PAIRS[:1],
        batch_size=1,
    )
    objective = build_objective(load_recipe("ordinary").objective)

    def loss(image: Image.Image) -> float:
        batch = Batch(
            base=to_tensor([image]),
            prompts=(PAIRS[0].question,),
            green=torch.zeros(1, vlm.vocabulary_size, dtype=torch.bool),
            seeds=(0,),
            target_answers=(PAIRS[0].answer,),
        )
        with torch.no_grad():
            targets = objective.targets(vlm, batch, batch.base, 0, None)
            return float(objective.loss(vlm, batch, batch.base, targets))

    before, after = loss(made.base), loss(made.image)
    assert after < 0.5 * before, (before, after)
