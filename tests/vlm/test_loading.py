"""Folders whose weights are not all those of the model: refused, never filled up at random."""

import json
import logging
import math
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from sif.errors import ModelError
from sif.vlm.folder import load_model, save_model
from sif.vlm.loading import load_weights
from sif.vlm.model import Vlm
from tests.vlm.folders import Tensors, copy_with_json, copy_with_weights

HEAD = "language_model.lm_head.weight"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
SCALE = "language_model.model.layers.0.self_attn.q_proj.weight_scale"


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 900
    return said


def prefixed(prefix: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {prefix + name: value for name, value in tensors.items()}


def without(part: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: value for name, value in tensors.items() if part not in name}


def renamed(part: str, other: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {n.replace(part, other): value for n, value in tensors.items()}


def resized(part: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {
        name: torch.ones(3, 4) if part in name else value for name, value in tensors.items()
    }


def filled(part: str, value: float) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {
        name: torch.full_like(tensor, value) if part in name else tensor
        for name, tensor in tensors.items()
    }


CASES = {
    "of a PEFT wrapper": (prefixed("base_model.model."), "got none for 130 of 130", "PEFT wrapper"),
    "of a parallel one": (prefixed("module."), "got none for 130 of 130", "data-parallel"),
    "with adapters in it": (renamed("q_proj.w", "q_proj.base_layer.w"), "q_proj", "adapters of"),
    "of a lost layer": (without("layers.2."), "language_model.layers.2.", "copy the whole folder"),
    "of another shape": (resized("0.mlp.down_proj"), "[3, 4] for [192, 320]", "config.json that"),
    "of a scaled layer": (
        lambda tensors: tensors | {SCALE: torch.ones(1)},
        "q_proj.weight_scale",
        "quantised weights",
    ),
    "that are no numbers": (filled("1.mlp.up", math.nan), "1.mlp.up_proj.weight in", "copy it"),
    "that are infinite": (filled("lm_head", math.inf), "lm_head.weight in bfloat16", "copy it"),
    "of whole numbers": (
        lambda tensors: tensors | {HEAD: tensors[HEAD].to(torch.int8)},
        "whole numbers (I8) in language_model.lm_head.weight",
        "nothing says how",
    ),
    "of two names": (
        lambda tensors: tensors | {f"model.{name}": value + 1 for name, value in tensors.items()},
        "two of other values that both become one",
        "save the model again",
    ),
    "with a strange bias": (
        lambda tensors: tensors | {SCALE.replace("weight_scale", "bias"): torch.ones(192)},
        "q_proj.bias",
        "other names or parts",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_weights_that_are_not_the_models_are_refused_with_their_names_and_the_cause(
    case: str, untrained_llava: Path, tmp_path: Path
) -> None:
    change, names, cause = CASES[case]
    said = refusal(copy_with_weights(untrained_llava, tmp_path / "copy", change))
    assert names in said
    assert cause in said


def sharded(folder: Path, copy: Path) -> Path:
    copy_with_weights(folder, copy, lambda tensors: tensors)
    tensors = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    shards = {name: SHARDS["vision" in name] for name in tensors}
    for shard in SHARDS:
        part = {name: value for name, value in tensors.items() if shards[name] == shard}
        save_file(part, copy / shard, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": shards}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    return copy


def test_a_lost_shard_is_named(untrained_llava: Path, tmp_path: Path) -> None:
    copy = sharded(untrained_llava, tmp_path / "copy")
    load_model(copy)
    (copy / SHARDS[1]).unlink()
    assert f"its index names {SHARDS[1]}" in refusal(copy)
    pickles = tmp_path / "pickles"
    shutil.copytree(untrained_llava, pickles)
    (pickles / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "pytorch_model-1.bin"}}
    (pickles / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert "its index names pytorch_model-1.bin" in refusal(pickles)


def test_of_two_sets_of_weights_none_is_chosen(untrained_llava: Path, tmp_path: Path) -> None:
    copy = sharded(untrained_llava, tmp_path / "copy")
    shutil.copy(untrained_llava / "model.safetensors", copy)
    assert "remove the set that is left from before" in refusal(copy)


def test_a_tensor_may_be_in_two_shards_if_it_is_the_same(
    untrained_llava: Path, tmp_path: Path
) -> None:
    copy = sharded(untrained_llava, tmp_path / "copy")
    part, head = load_file(copy / SHARDS[1]), load_file(copy / SHARDS[0])[HEAD]
    save_file(part | {HEAD: head}, copy / SHARDS[1], metadata={"format": "pt"})
    load_model(copy)
    save_file(part | {HEAD: head + 1}, copy / SHARDS[1], metadata={"format": "pt"})
    assert f"{HEAD} with one value in {SHARDS[0]} and another in {SHARDS[1]}" in refusal(copy)


@pytest.mark.parametrize("name", ["weights.safetensors", SHARDS[0], "model.pt", None])
def test_weights_of_another_name_are_named(
    name: str | None, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(untrained_llava, tmp_path / "copy")
    weights = copy / "model.safetensors"
    if name is not None:
        weights.rename(copy / name)
    else:
        weights.unlink()
        weights.symlink_to(tmp_path / "nowhere")
    said = refusal(copy)
    assert f"got {name or 'model.safetensors (a link that leads nowhere)'}; " in said


@pytest.mark.parametrize(
    "entries", [{"eos_token_id": "x"}, {"eos_token_id": 1.0}, {"early_stopping": "x"}]
)
def test_generation_defaults_that_cannot_be_read_are_named(
    entries: dict[str, object], untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "generation_config.json", **entries)
    said = refusal(copy)
    assert "generation_config.json" in said
    assert next(iter(entries)) in said


def test_layers_that_the_config_does_not_count_are_not_left_out(
    untrained_llava: Path, tmp_path: Path
) -> None:
    inner = json.loads((untrained_llava / "config.json").read_text())["text_config"]
    fewer = inner | {"num_hidden_layers": inner["num_hidden_layers"] - 1}
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json", text_config=fewer)
    assert "layers.3.input_layernorm" in refusal(copy)


DAMAGED = {
    "cut": (lambda data: data[:-1000], "model.safetensors is cut off or damaged"),
    "empty": (lambda data: b"", "model.safetensors is cut off or damaged"),
    "pointer": (lambda data: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_named(case: str, untrained_llava: Path, tmp_path: Path) -> None:
    change, words = DAMAGED[case]
    copy = copy_with_weights(untrained_llava, tmp_path / "copy", lambda tensors: tensors)
    file = copy / "model.safetensors"
    file.write_bytes(change(file.read_bytes()))
    assert words in refusal(copy)


class Runs:
    """Leaves a file where its pickle is loaded."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.where,))


@pytest.mark.parametrize("case", ["code", "no pickle", "empty"])
def test_a_pickle_of_more_than_tensors_is_not_read(
    case: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_weights(untrained_llava, tmp_path / "copy", lambda tensors: tensors)
    (copy / "model.safetensors").unlink()
    code = pickle.dumps(Runs(tmp_path / "ran"), protocol=2)
    content = {"code": code, "no pickle": b"no pickle", "empty": b""}[case]
    (copy / "pytorch_model.bin").write_bytes(content)
    assert "safetensors of the model's own release" in refusal(copy)
    assert not (tmp_path / "ran").exists()


def test_another_architecture_in_the_config_is_named(untrained_llava: Path, tmp_path: Path) -> None:
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "config.json", architectures=["MartianForAll"]
    )
    load_model(copy)
    file = copy / "model.safetensors"
    save_file(prefixed("mars.")(load_file(file)), file, metadata={"format": "pt"})
    assert "speaks of MartianForAll" in refusal(copy)


def test_a_part_that_the_model_has_no_place_for_is_told_and_left_out(
    untrained_llava: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = copy_with_weights(
        untrained_llava, tmp_path / "copy", lambda t: t | {"reward_head.weight": torch.ones(2, 2)}
    )
    with caplog.at_level(logging.WARNING):
        load_model(copy)
    assert "reward_head.weight" in caplog.text
    assert "REPORT" not in caplog.text


def test_names_of_a_stranger_are_shown_bounded_and_without_control_characters(
    untrained_llava: Path, tmp_path: Path
) -> None:
    hostile = "\x1b[2J\n" + "x" * 5000 + "."
    said = refusal(copy_with_weights(untrained_llava, tmp_path / "copy", prefixed(hostile)))
    assert "\x1b" not in said


def test_tied_weights_are_no_gap(untrained_qwen: Path) -> None:
    assert "lm_head.weight" not in load_file(untrained_qwen / "model.safetensors")
    model = load_model(untrained_qwen)
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_weights_that_should_be_tied_and_are_not_are_missing(
    untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_weights(untrained_llava, tmp_path / "copy", without("lm_head"))
    assert "lm_head.weight" in refusal(copy)


def test_a_saved_copy_has_every_tensor(untrained_llava: Path, tmp_path: Path) -> None:
    vlm = Vlm.load(untrained_llava, device="cpu")
    save_model(vlm.model, vlm.processor, tmp_path / "copy")
    again = load_weights(AutoModelForImageTextToText, tmp_path / "copy")
    same = again.state_dict()
    assert all(torch.equal(value, same[name]) for name, value in vlm.model.state_dict().items())


@pytest.mark.parametrize(
    "entries",
    [{"mm_vision_tower": "openai/clip"}, {"architectures": ["LlavaLlamaForCausalLM"]}],
)
def test_the_layout_of_llavas_own_code_is_refused_before_any_weights_are_touched(
    entries: dict[str, object], untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json", **entries)
    (copy / "model.safetensors").unlink()
    said = refusal(copy)
    assert "LLaVA's own code" in said
    assert "-hf" in said


def with_settings(folder: Path, copy: Path, part: str, **settings: object) -> Path:
    """A copy with other settings of a part of the model."""
    own = json.loads((folder / "config.json").read_text())[part]
    return copy_with_json(folder, copy, "config.json", **{part: own | settings})


def test_an_index_that_leads_out_of_the_folder_is_not_followed(
    untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_weights(untrained_llava, tmp_path / "copy", lambda tensors: tensors)
    table = dict.fromkeys(load_file(copy / "model.safetensors"), f"../{untrained_llava.name}/x")
    (copy / "model.safetensors").rename(tmp_path / "x")
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    assert "to name files beside it, got ../" in refusal(copy)


@pytest.mark.parametrize("part", ["text_config", "vision_config"])
def test_more_layers_than_tensors_are_refused_before_any_is_built(
    part: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = with_settings(untrained_llava, tmp_path / "copy", part, num_hidden_layers=1000)
    began = time.perf_counter()
    assert "1000 layers for 130 tensors" in refusal(copy)
    assert time.perf_counter() - began < 20


def test_a_model_beyond_the_memory_is_said_to_be(untrained_llava: Path) -> None:
    class Larger:
        @staticmethod
        def from_pretrained(*_of: object, **_options: object) -> None:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 3 TB")

    with pytest.raises(ModelError, match="does not fit into memory"):
        load_weights(Larger, untrained_llava)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_files_nested_without_an_end_are_one_sentence(
    name: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_weights(untrained_llava, tmp_path / "copy", lambda tensors: tensors)
    (copy / name).write_text("[" * 100_000)
    with pytest.raises(ModelError) as caught:
        Vlm.load(copy, device="cpu")
    assert "\n" not in str(caught.value)


def test_a_setting_of_another_kind_is_named(untrained_llava: Path, tmp_path: Path) -> None:
    copy = with_settings(untrained_llava, tmp_path / "copy", "text_config", hidden_size="many")
    said = refusal(copy)
    assert "field 'hidden_size'" in said
    assert "expected int, got str" in said
