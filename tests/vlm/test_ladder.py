"""Every architecture that transformers has for pictures and words, as a tiny folder."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForImageTextToText
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from tests.vlm.ladder.climb import THIEVES, Outcome, climb, stolen
from tests.vlm.ladder.rungs import OUTSIDE, RUNGS
from tests.vlm.ladder.table import PAGE, refusals, versioned

ROBBED = {
    "llava": (
        "language_model.model.layers.0.",
        "vision_tower.vision_model.",
        "multi_modal_projector.",
    ),
    "llava_next": ("language_model.model.layers.0.", "vision_tower.vision_model.", "image_newline"),
    "qwen2_5_vl": ("model.layers.0.", "visual.blocks.0."),
    "gemma3": (
        "language_model.model.layers.0.",
        "vision_tower.vision_model.",
        "multi_modal_projector.",
    ),
    "internvl": (
        "language_model.model.layers.0.",
        "vision_tower.encoder.",
        "multi_modal_projector.",
    ),
    "idefics3": ("model.text_model.layers.0.", "model.vision_model.", "model.connector."),
}
"""Architectures that thieves are tried on, and how the hub's files begin the names of tensors."""


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return {}


def test_the_ladder_has_a_rung_for_every_architecture() -> None:
    assert set(RUNGS) | set(OUTSIDE) == set(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
    assert not set(RUNGS) & set(OUTSIDE)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", sorted(RUNGS))
def test_an_architecture_is_fingerprinted_and_verified_or_refused_in_a_sentence(
    architecture: str, tmp_path: Path
) -> None:
    outcome = climb(architecture, tmp_path)
    expected = RUNGS[architecture].refused
    if expected is not None:
        assert expected in (outcome.refusal or "")
        assert "\n" not in (outcome.refusal or "")
        return
    assert outcome.refusal is None
    assert outcome.probed is not None
    assert outcome.probed.reach > 0.9
    assert (outcome.answered, outcome.queries) == (2, 2)
    if architecture in ROBBED:
        for thief in THIEVES:
            _loads_in_plain_transformers(stolen(outcome, thief), ROBBED[architecture])


def _loads_in_plain_transformers(copy: Path, beginnings: tuple[str, ...]) -> None:
    model, report = AutoModelForImageTextToText.from_pretrained(copy, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["mismatched_keys"]
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    names = [name for file in copy.glob("*.safetensors") for name in safe_open(file, "pt").keys()]
    for beginning in beginnings:
        assert any(name.startswith(beginning) for name in names), (beginning, names[:5])
