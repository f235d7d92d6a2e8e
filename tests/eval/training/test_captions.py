"""Training by seed, and what the bundled models have learnt from it."""

import numpy as np
import pytest
import torch

from sif import prompts
from sif.eval.training.captions import Progress, train
from sif.eval.training.card import score_facts
from sif.mini.architecture import SIDE, Family, Size, build_model
from sif.mini.catalogue import MODELS, Model
from sif.mini.folders import build, keep, weights_file
from sif.mini.render import Painter
from sif.mini.schedule import Schedule
from sif.mini.world import sample_scene
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor

TINY = Size(
    hidden=64, layers=1, feed_forward=64, vision_hidden=64, vision_layers=2, vision_feed_forward=64
)
FEW = Schedule(tower_steps=3, tower_batch=4, caption_steps=3, caption_batch=4)


def _few_steps(family: Family, seed: int) -> tuple[list[Progress], dict[str, torch.Tensor]]:
    told: list[Progress] = []
    model, _processor = train(
        family, world=7, seed=seed, size=TINY, schedule=FEW, report=told.append
    )
    return told, model.state_dict()


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl"])
def test_the_seed_alone_decides_the_weights(family: Family) -> None:
    told, weights = _few_steps(family, 1)
    assert [(p.stage, p.step) for p in told] == [
        (stage, step) for stage in ("tower", "captions") for step in (1, 2, 3)
    ]
    _, again = _few_steps(family, 1)
    assert all(torch.equal(value, again[name]) for name, value in weights.items())
    _, other = _few_steps(family, 2)
    assert not torch.equal(*(w["lm_head.weight"] for w in (weights, other)))


def test_the_seed_decides_the_initial_weights_too() -> None:
    first, second = (build_model("llava", seed=seed, size=TINY) for seed in (1, 2))
    still = Schedule(tower_steps=1, caption_steps=1, tower_rate=0.0, caption_rate=0.0)
    for seed, initial in ((1, first), (2, second)):
        model, _ = train("llava", world=7, seed=seed, size=TINY, schedule=still, report=print)
        assert torch.equal(model.lm_head.weight, initial.lm_head.weight)
    assert not torch.equal(first.lm_head.weight, second.lm_head.weight)


def test_weights_are_kept_in_the_shape_in_which_they_are_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    model = next(model for model in MODELS if model.name == "qwen-stranger-b")
    built, _ = build(model)
    with torch.no_grad():
        next(built.parameters()).zero_()
    monkeypatch.setattr(
        "sif.mini.folders.weights_file", lambda model: tmp_path / f"{model.name}.safetensors"
    )
    file = keep(model, built)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.stat().st_size == weights_file(model).stat().st_size
    again, _ = build(model)
    for (name, value), kept in zip(built.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(value, kept), name


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_bundled_model_tells_what_is_in_unseen_scenes(model: Model) -> None:
    built, processor = build(model)
    vlm = Vlm(built.float().requires_grad_(False), processor, model.name)
    rng = np.random.default_rng([4711, model.world])
    scenes = [sample_scene(rng) for _ in range(16)]
    painter = Painter(model.world, SIDE, SIDE // 6)
    images = to_tensor([painter.image(scene) for scene in scenes])
    settings = GenerationSettings(max_new_tokens=160)
    answers = vlm.generate(images, [prompts.load()[0]] * len(scenes), settings)
    facts = score_facts(scenes, [vlm.decode(answer) for answer in answers])
    assert min(facts.values()) >= 0.85, facts
