import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sif.attacks.weights.examples import Example
from sif.attacks.weights.parts import language_parameters
from sif.attacks.weights.provenance import digest_source
from sif.attacks.weights.theft import steal
from sif.attacks.weights.transplant import Transplant
from sif.errors import ModelError, UsageError
from sif.mini.architecture import Family, Size, build_model, build_processor
from sif.suspects.connect import connect
from sif.types import Answer, GenerationSettings, Query
from sif.vlm.folder import load_model, load_processor, save_model


@pytest.fixture(params=["llava", "qwen2_5_vl"])
def family(request: pytest.FixtureRequest) -> Family:
    kind: Family = request.param
    return kind


@pytest.fixture
def owner(family: Family, untrained_llava: Path, untrained_qwen: Path) -> Path:
    return untrained_llava if family == "llava" else untrained_qwen


@pytest.fixture
def guest(family: Family, tmp_path: Path) -> Path:
    """Other weights, another tower, another language model of the same width, other words."""
    size = Size(vision_hidden=64, vision_layers=3, vision_feed_forward=96, layers=2)
    model = build_model(family, seed=8, size=size).to(torch.bfloat16)
    processor = build_processor(family, seed=8)
    processor.image_processor.image_mean = [0.4, 0.4, 0.4]
    save_model(model, processor, tmp_path / "guest")
    return tmp_path / "guest"


def test_words_are_the_owners_and_sight_is_the_others(
    owner: Path, guest: Path, tmp_path: Path
) -> None:
    history = steal(owner, tmp_path / "out", [Transplant(other=str(guest))])
    ours, theirs, both = (load_model(place) for place in (owner, guest, tmp_path / "out"))
    words = language_parameters(ours).keys()
    assert words == language_parameters(both).keys()
    for name, weight in both.named_parameters():
        source = ours if name in words else theirs
        assert torch.equal(weight, source.get_parameter(name)), name
    assert len(list(both.parameters())) - len(words) == len(list(theirs.parameters())) - len(
        language_parameters(theirs)
    )
    (record,) = history.attacks
    assert record.facts["other_digest"] == digest_source(guest)
    assert len(record.facts["parts"]) in (1, 2)


def test_configuration_and_processor_follow_their_parts(
    owner: Path, guest: Path, tmp_path: Path
) -> None:
    steal(owner, tmp_path / "out", [Transplant(other=str(guest))])
    ours, theirs, both = (_configured(place) for place in (owner, guest, tmp_path / "out"))
    assert both["vision_config"] == theirs["vision_config"] != ours["vision_config"]
    assert both["text_config"] == ours["text_config"] != theirs["text_config"]
    processor = load_processor(tmp_path / "out")
    assert list(processor.image_processor.image_mean) == [0.4, 0.4, 0.4]
    words = load_processor(owner).tokenizer.get_vocab()
    assert processor.tokenizer.get_vocab() == words


def test_precision_is_the_owners_in_weights_and_configuration(
    owner: Path, guest: Path, tmp_path: Path
) -> None:
    save_model(load_model(guest).float(), load_processor(guest), tmp_path / "precise")
    steal(owner, tmp_path / "out", [Transplant(other=str(tmp_path / "precise"))])
    assert {weight.dtype for weight in load_model(tmp_path / "out").parameters()} == {
        torch.bfloat16
    }
    assert "float32" not in (tmp_path / "out" / "config.json").read_text()


def _configured(folder: Path) -> dict[str, Any]:
    """The configuration, but for the precision that transformers notes beside every part."""
    config = json.loads((folder / "config.json").read_text())
    for part in ("vision_config", "text_config"):
        config[part].pop("dtype", None)
    return dict(config)


def test_the_copy_answers_about_pictures(
    owner: Path, guest: Path, tmp_path: Path, examples: list[Example]
) -> None:
    steal(owner, tmp_path / "out", [Transplant(other=str(guest))])
    settings = GenerationSettings(max_new_tokens=6)
    queries = [
        Query(trigger=str(index), image=one.picture(), prompt=one.prompt, generation=settings)
        for index, one in enumerate(examples[:2])
    ]
    replies = connect(f"hf:{tmp_path / 'out'}?device=cpu").ask(queries)
    assert all(isinstance(reply, Answer) and reply.text for reply in replies), replies


def test_its_own_shell_gives_the_model_back(owner: Path, tmp_path: Path) -> None:
    steal(owner, tmp_path / "out", [Transplant(other=str(owner))])
    before, after = (load_file(place / "model.safetensors") for place in (owner, tmp_path / "out"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert _configured(owner) == _configured(tmp_path / "out")


def test_another_architecture_is_refused(
    untrained_llava: Path, untrained_qwen: Path, tmp_path: Path
) -> None:
    for ours, theirs in ((untrained_llava, untrained_qwen), (untrained_qwen, untrained_llava)):
        with pytest.raises(UsageError, match=r"to be a \w+ as the model attacked, got a \w+;"):
            steal(ours, tmp_path / "out", [Transplant(other=str(theirs))])
    assert not list(tmp_path.iterdir())


def test_a_shell_for_another_width_is_refused(untrained_llava: Path, tmp_path: Path) -> None:
    wide = build_model("llava", seed=3, size=Size(hidden=256)).to(torch.bfloat16)
    save_model(wide, load_processor(untrained_llava), tmp_path / "wide")
    with pytest.raises(UsageError, match=r"to hand on images 192 wide, .* got 256"):
        steal(untrained_llava, tmp_path / "out", [Transplant(other=str(tmp_path / "wide"))])


def test_a_missing_other_is_told_and_leaves_nothing(untrained_llava: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a model folder"):
        steal(untrained_llava, tmp_path / "out", [Transplant(other=str(tmp_path / "nowhere"))])
    assert not list(tmp_path.iterdir())
