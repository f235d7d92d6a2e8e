"""Folders with quantised weights: suspects where a library runs them, and never sources."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from sif.errors import ModelError
from sif.suspects.connect import connect
from sif.types import Answer
from sif.vlm.folder import load_model
from sif.vlm.model import Vlm
from sif.vlm.quantised import quantised
from tests.suspects.questions import questions
from tests.vlm.folders import copy_with_json

KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "awq": ({"quant_method": "awq", "bits": 4, "zero_point": True}, "to 4 bits by awq"),
    "gptq": ({"quant_method": "gptq", "bits": 4, "group_size": 32}, "to 4 bits by gptq"),
    "torchao": ({"quant_method": "torchao", "quant_type": {"default": "x"}}, "by torchao"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_library_here_runs_is_named_with_who_does(
    kind: str, untrained_llava: Path, tmp_path: Path
) -> None:
    settings, words = KINDS[kind]
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "config.json", quantization_config=settings
    )
    with pytest.raises(ModelError, match=r"pip install .* reads it, and so may vLLM") as caught:
        connect(f"hf:{copy}")
    assert f"is quantised {words}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_quantised_source_is_refused_before_its_weights_are_read(
    untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "config.json", quantization_config={"load_in_4bit": 1}
    )
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="name the model that it was quantised from"):
        Vlm.load(copy, device="cpu")


def test_plain_and_strange_settings_are_told_apart(untrained_llava: Path, tmp_path: Path) -> None:
    assert quantised(untrained_llava) is None
    hostile = {"quant_method": "\x1b[2J" * 99, "bits": "many"}
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "config.json", quantization_config=hostile
    )
    found = quantised(copy)
    assert found is not None
    assert found.words.isprintable()
    assert len(found.words) < 100


def answers(folder: Path) -> list[str]:
    replies = connect(f"hf:{folder}?device=cpu").ask(questions(2, max_new_tokens=6))
    return [reply.text for reply in replies if isinstance(reply, Answer)]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("family", ["untrained_llava", "untrained_qwen"])
def test_folders_that_bitsandbytes_wrote_answer_on_a_cpu(
    family: str, bits: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source: Path = request.getfixturevalue(family)
    settings = BitsAndBytesConfig(load_in_8bit=True)
    if bits == 4:
        settings = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    rounded = load_model(source, quantization_config=settings, device_map={"": "cpu"})
    copy = shutil.copytree(source, tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    rounded.save_pretrained(copy)
    assert quantised(copy) is not None
    kind = {4: "nf4", 8: "int8"}[bits]
    live = connect(f"hf:{source}?quantize={kind}&device=cpu").ask(questions(2, max_new_tokens=6))
    assert answers(copy) == [reply.text for reply in live if isinstance(reply, Answer)]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("form", "settings"),
    [
        ("int-quantized", {"num_bits": 8, "strategy": "channel"}),
        ("pack-quantized", {"num_bits": 4, "strategy": "group", "group_size": 32}),
        ("float-quantized", {"num_bits": 8, "type": "float", "strategy": "channel"}),
    ],
    ids=["int8", "packed int4", "fp8"],
)
def test_folders_of_compressed_tensors_answer_on_a_cpu(
    form: str, settings: dict[str, Any], untrained_llava: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(untrained_llava, tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    compress(untrained_llava, copy, form, settings)
    config = json.loads((copy / "config.json").read_text())
    assert config["quantization_config"]["format"] == form
    assert len(answers(copy)) == 2


def compress(source: Path, copy: Path, form: str, settings: dict[str, Any]) -> None:
    """Writes the language model's layers rounded to their largest values."""
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationArgs,
        QuantizationConfig,
        QuantizationScheme,
        apply_quantization_config,
    )

    model: Any = AutoModelForImageTextToText.from_pretrained(source, dtype=torch.float32)
    args = QuantizationArgs(**{"type": "int", "symmetric": True} | settings)
    scheme = QuantizationScheme(targets=["Linear"], weights=args, format=form)
    config = QuantizationConfig(
        config_groups={"all": scheme},
        ignore=["lm_head", "re:.*vision_tower.*", "re:.*projector.*"],
        format=form,
        quantization_status="frozen",
    )
    apply_quantization_config(model, config)
    largest = 448.0 if args.type == "float" else 2.0 ** (args.num_bits - 1) - 1
    for module in model.modules():
        if hasattr(module, "weight_scale"):
            weight = module.weight.data
            groups = weight.reshape(len(weight), -1, args.group_size or weight.shape[1])
            scale = groups.abs().amax(-1) / largest
            module.weight_scale.data = scale.reshape(module.weight_scale.shape)
    compressor = ModelCompressor(quantization_config=config)
    compressor.compress_model(model)
    model.save_pretrained(copy)
    compressor.update_config(str(copy))
