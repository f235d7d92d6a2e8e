"""Training by seed, and what the bundled vision models have learnt from it."""

from pathlib import Path

import pytest
import torch
from transformers import AutoImageProcessor, AutoModel

from sif.eval.training.captions import Progress
from sif.eval.training.vision import normalised, train_vision
from sif.eval.training.vision_card import measure_vision
from sif.mini.schedule import VisionSchedule
from sif.mini.vision.architecture import build_image_processor, build_vision
from sif.mini.vision.catalogue import VISION_MODELS, MiniVision, find_vision
from sif.mini.vision.folders import build_bundled, export_vision

FEW = VisionSchedule(steps=2, batch=6)


def trained(kind: str, seed: int) -> tuple[list[Progress], dict[str, torch.Tensor]]:
    told: list[Progress] = []
    model = train_vision(kind, world=7, seed=seed, schedule=FEW, report=told.append)
    return told, model.state_dict()


@pytest.mark.parametrize("kind", ["dinov2", "vit", "clip"])
def test_the_seed_alone_decides_the_weights(kind: str) -> None:
    told, weights = trained(kind, 1)
    assert [(p.stage, p.step, p.steps) for p in told] == [("vision", 1, 2), ("vision", 2, 2)]
    torch.rand(3)
    _, again = trained(kind, 1)
    assert all(torch.equal(value, again[name]) for name, value in weights.items())
    _, other = trained(kind, 2)
    assert any(not torch.equal(value, other[name]) for name, value in weights.items())


@pytest.mark.parametrize("kind", ["dinov2", "vit", "clip"])
def test_training_sees_what_the_image_processor_hands_on(kind: str) -> None:
    images = torch.randint(0, 256, (2, 3, 64, 64)).float() / 255
    made = build_image_processor(kind)(images=list(images), do_rescale=False, return_tensors="pt")[
        "pixel_values"
    ]
    assert torch.allclose(normalised(kind, images), made, atol=1e-5)


@pytest.mark.parametrize("kind", ["dinov2", "vit", "clip"])
def test_a_model_has_a_class_token_and_sixteen_patches(kind: str) -> None:
    model = build_vision(kind, seed=1)
    states = model(pixel_values=torch.zeros(1, 3, 64, 64)).last_hidden_state
    assert states.shape == (1, 17, 128)
    assert 1.0e6 < sum(p.numel() for p in model.parameters()) < 1.3e6


@pytest.mark.parametrize("model", VISION_MODELS, ids=lambda model: model.name)
def test_an_exported_model_is_what_plain_transformers_loads(
    model: MiniVision, tmp_path: Path
) -> None:
    export_vision(model, tmp_path / "model")
    loaded = AutoModel.from_pretrained(tmp_path / "model")
    assert AutoImageProcessor.from_pretrained(tmp_path / "model") is not None
    ours = build_bundled(model)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        said, own = (
            m.float()(pixel_values=images).last_hidden_state for m in (loaded.eval(), ours)
        )
    assert torch.allclose(said, own, atol=1e-5)


def test_unknown_names_are_nobodys() -> None:
    assert find_vision("llava-source") is None
    assert find_vision("dino-source") is VISION_MODELS[0]


@pytest.mark.slow
def test_the_card_says_what_features_are_good_for() -> None:
    card = measure_vision(VISION_MODELS[0])
    assert card.parameters == pytest.approx(1.17e6, rel=0.05)
    assert card.digits >= 0.88
    assert card.colours > 0.4
    assert len(card.largest) == 8
    assert card.jumps[1] == pytest.approx(card.largest[1] / card.largest[0], rel=0.02)
