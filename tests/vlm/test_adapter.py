"""Adapters of PEFT as suspects: over their base, as data alone."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AdaLoraConfig, IA3Config, LoHaConfig, LoraConfig, PeftConfig, get_peft_model
from safetensors.torch import load_file, save_file

from sif.errors import ModelError
from sif.suspects.connect import connect
from sif.suspects.engine import engine_arguments
from sif.suspects.uri import VllmOptions
from sif.types import Answer
from sif.vlm.adapter import parts_of
from sif.vlm.folder import load_config, load_model, load_processor
from sif.vlm.model import Vlm
from tests.suspects.questions import questions
from tests.vlm.folders import copy_with_json

LAYERS = ["q_proj", "v_proj", "down_proj"]


def train(base: Path, folder: Path, config: PeftConfig) -> dict[str, Any]:
    """Writes an adapter that changes much, and gives the weights of base and adapter merged."""
    torch.manual_seed(0)
    worn: Any = get_peft_model(load_model(base, dtype=torch.float32), config)
    for name, value in worn.named_parameters():
        if any(part in name for part in ("lora_", "ia3_", "hada_", "modules_to_save")):
            value.data += 0.3 * torch.randn_like(value)
    worn.save_pretrained(folder)
    merged: dict[str, Any] = worn.merge_and_unload().state_dict()
    return merged


@pytest.fixture(scope="module")
def adapter(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "adapter"
    train(untrained_llava, folder, LoraConfig(r=4, target_modules=LAYERS))
    return folder


def texts(address: str | Path) -> list[str]:
    replies = connect(f"hf:{address}").ask(questions(2, max_new_tokens=6))
    return [reply.text for reply in replies if isinstance(reply, Answer)]


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(r=4, target_modules=LAYERS, modules_to_save=["lm_head"]),
        LoraConfig(r=2, target_modules=r".*language_model.*q_proj", use_dora=True),
        IA3Config(target_modules=LAYERS, feedforward_modules=["down_proj"]),
        LoHaConfig(r=2, target_modules=LAYERS),
        LoraConfig(r=2, target_modules=LAYERS, trainable_token_indices=[3, 4]),
        LoraConfig(r=2, target_parameters=["mlp.up_proj.weight", "mlp.down_proj.weight"]),
        AdaLoraConfig(init_r=2, target_modules=LAYERS, total_step=10),
    ],
    ids=["lora", "dora", "ia3", "loha", "tokens", "parameters", "adalora"],
)
def test_the_weights_are_those_that_peft_merges(
    config: PeftConfig, untrained_llava: Path, tmp_path: Path
) -> None:
    merged = train(untrained_llava, tmp_path / "adapter", config)
    found = load_model(tmp_path / "adapter", dtype=torch.float32).state_dict()
    plain = load_model(untrained_llava, dtype=torch.float32).state_dict()
    assert found.keys() == merged.keys()
    assert all(torch.allclose(found[name], merged[name], atol=1e-5) for name in merged)
    assert any(not torch.allclose(found[name], plain[name], atol=1e-3) for name in plain)


@pytest.mark.filterwarnings("ignore:.lora_bias=True. was passed")
@pytest.mark.filterwarnings("ignore:Adapter .default.*invalid shape")
def test_a_bias_of_an_adapter_is_kept_where_the_layer_has_none(
    untrained_llava: Path, tmp_path: Path
) -> None:
    config = LoraConfig(r=2, target_modules=r".*language_model.*q_proj", lora_bias=True)
    torch.manual_seed(0)
    worn: Any = get_peft_model(load_model(untrained_llava, dtype=torch.float32), config)
    for name, value in worn.named_parameters():
        value.data += 0.3 * torch.randn_like(value) if "lora_" in name else 0
    worn.save_pretrained(tmp_path / "adapter")
    merged = load_model(tmp_path / "adapter", dtype=torch.float32)
    ids = torch.arange(4, 12)[None]
    with torch.inference_mode():
        assert torch.allclose(merged(ids).logits, worn(ids).logits, atol=1e-4)


def test_an_adapter_answers_wherever_it_lies(
    adapter: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    own = texts(adapter)
    assert len(own) == 2
    assert own != texts(untrained_llava)
    shutil.copytree(adapter, tmp_path / "run" / "checkpoint-10")
    (tmp_path / "run" / "logs").mkdir()
    assert texts(tmp_path / "run") == own
    beside = shutil.copytree(untrained_llava, tmp_path / "beside")
    for file in adapter.glob("adapter_*"):
        shutil.copy(file, beside)
    assert texts(beside) == own


@pytest.mark.parametrize("name", ["../base", "base", "./nested/base", "a/b/base"])
def test_a_base_may_be_named_from_where_the_adapter_lies(
    name: str,
    adapter: Path,
    untrained_llava: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    moved = copy_with_json(
        adapter, tmp_path / "out" / "it", "adapter_config.json", base_model_name_or_path=name
    )
    with pytest.raises(ModelError, match=r"base of the adapter .*\?base=FOLDER"):
        load_model(moved)
    base = moved.parent / name.replace("../", "")
    base.parent.mkdir(parents=True, exist_ok=True)
    base.symlink_to(untrained_llava)
    assert Path(parts_of(moved).model).resolve() == untrained_llava.resolve()
    monkeypatch.chdir(base.parent)
    assert Path(parts_of(moved).model).resolve() == untrained_llava.resolve()


def test_a_base_on_the_hub_is_found_in_its_cache_or_asked_for_in_a_sentence(
    adapter: Path, untrained_llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = copy_with_json(
        adapter, tmp_path / "it", "adapter_config.json", base_model_name_or_path="them/their-llava"
    )
    for read in (load_model, load_config, load_processor):
        with pytest.raises(ModelError, match=r"base of the adapter .*'them/their-llava'.*\?base="):
            read(theirs)
    cache = tmp_path / "cache" / "models--them--their-llava"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(40 * "a")
    shutil.copytree(untrained_llava, cache / "snapshots" / (40 * "a"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache.parent))
    assert texts(theirs) == texts(adapter)


def test_the_base_is_named_and_digested_with_the_adapter(
    adapter: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    lost = copy_with_json(
        adapter, tmp_path / "lost", "adapter_config.json", base_model_name_or_path="/no/such"
    )
    with pytest.raises(ModelError, match=r"\?base=FOLDER"):
        connect(f"hf:{lost}")
    name = connect(f"hf:{lost}?base={untrained_llava}").name
    assert name.endswith(f"?base={untrained_llava}")
    other = copy_with_json(untrained_llava, tmp_path / "other", "generation_config.json", top_k=3)
    assert connect(f"hf:{lost}?base={other}").name.split("@")[1][:10] != name.split("@")[1][:10]
    assert connect(f"hf:{adapter}").name.split("?")[1] == f"base={untrained_llava}"


HOSTILE: dict[str, Any] = {
    "no base": None,
    "a number": 7,
    "empty": "",
    "an address": "https://example.org/model",
    "a file": "file:///etc",
    "a share": "\\\\host\\share",
    "above": "../../../../etc/nothing-here",
    "a home": "~/nothing-here",
    "no model": "/proc",
    "terminal codes": "/tmp/\x1b[2J",
    "endless": "x" * 100_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_base_that_is_no_model_is_refused_in_one_bounded_line(
    case: str, adapter: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(
        adapter, tmp_path / "copy", "adapter_config.json", base_model_name_or_path=HOSTILE[case]
    )
    with pytest.raises(ModelError) as caught:
        load_model(copy)
    said = str(caught.value)
    assert len(said) < 700
    assert said.isprintable()


def test_an_adapter_cannot_be_its_own_base_or_that_of_another(
    adapter: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    loop = copy_with_json(
        adapter,
        tmp_path / "loop",
        "adapter_config.json",
        base_model_name_or_path=str(tmp_path / "loop"),
    )
    with pytest.raises(ModelError, match="base of the adapter"):
        load_model(loop)
    beside = shutil.copytree(untrained_llava, tmp_path / "beside")
    for file in adapter.glob("adapter_*"):
        shutil.copy(file, beside)
    with pytest.raises(ModelError, match="holds an adapter itself"):
        load_model(adapter, base=str(beside))


def test_settings_that_name_code_or_files_do_not_reach_peft(adapter: Path, tmp_path: Path) -> None:
    copy = copy_with_json(
        adapter,
        tmp_path / "copy",
        "adapter_config.json",
        megatron_config={"x": 1},
        megatron_core="antigravity",
        auto_mapping={"base_model_class": "X", "parent_library": "antigravity"},
        unknown_setting_of_tomorrow=1,
    )
    with pytest.warns(UserWarning, match="unknown_setting_of_tomorrow"):
        load_model(copy)
    assert "antigravity" not in sys.modules


def test_only_known_kinds_and_safe_files_are_read(adapter: Path, tmp_path: Path) -> None:
    strange = copy_with_json(
        adapter, tmp_path / "strange", "adapter_config.json", peft_type="XLORA"
    )
    with pytest.raises(ModelError, match="got 'XLORA'"):
        load_model(strange)
    older = shutil.copytree(adapter, tmp_path / "older")
    tensors = load_file(older / "adapter_model.safetensors")
    (older / "adapter_model.safetensors").unlink()
    torch.save(tensors, older / "adapter_model.bin")
    with pytest.raises(ModelError, match="a pickle, which could run code"):
        load_model(older)
    (older / "adapter_model.bin").unlink()
    with pytest.raises(ModelError, match="found none"):
        load_model(older)


def test_weights_that_do_not_fit_the_base_are_refused(
    adapter: Path, untrained_qwen: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"adapter|shapes"):
        load_model(adapter, base=str(untrained_qwen))
    tensors = load_file(adapter / "adapter_model.safetensors")
    (first, *_) = sorted(tensors)
    cases = {
        "missing": {name: value for name, value in tensors.items() if name != first},
        "strange": tensors | {"base_model.model.nowhere.lora_A.weight": torch.ones(2, 2)},
        "resized": tensors | {first: torch.ones(3, 3)},
    }
    for name, changed in cases.items():
        copy = shutil.copytree(adapter, tmp_path / name)
        save_file(changed, copy / "adapter_model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError):
            load_model(copy)


def test_several_adapters_in_a_run_are_named(adapter: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        shutil.copytree(adapter, tmp_path / f"checkpoint-{number}")
    with pytest.raises(ModelError, match="checkpoint-1, checkpoint-2"):
        parts_of(tmp_path)


def test_a_base_for_what_is_no_adapter_is_refused(untrained_llava: Path) -> None:
    with pytest.raises(ModelError, match="leave base= out"):
        connect(f"hf:{untrained_llava}?base={untrained_llava}")


def test_an_adapter_is_no_source_and_not_for_vllm(adapter: Path) -> None:
    with pytest.raises(ModelError, match="merge it into its base"):
        Vlm.load(adapter, device="cpu")
    with pytest.raises(ModelError, match="ask it as hf:"):
        engine_arguments(str(adapter), VllmOptions())


def test_an_adapters_settings_may_be_damaged(adapter: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(adapter, tmp_path / "copy")
    for text in ("", "[]", "[" * 5000, json.dumps({"peft_type": None}), "\x00"):
        (copy / "adapter_config.json").write_text(text)
        with pytest.raises(ModelError):
            load_model(copy)
