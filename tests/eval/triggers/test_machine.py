import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch

from sif.eval.triggers.machine import (
    cached_snapshot,
    device_fault,
    devices_fault,
    folder_fault,
    is_hub_id,
    memory_of,
    missing_weights,
    precision_fault,
)


@pytest.mark.parametrize("target", ["org/model", "LESW/llava-1.5-7b-hf", "a.b/c_d"])
def test_an_id_of_the_hub_is_known_by_its_shape(target: str) -> None:
    assert is_hub_id(target)


@pytest.mark.parametrize(
    "target", ["model", "/org/model", "./a/b", "a/b/c", "~/a", "a/b c", "../a"]
)
def test_what_can_only_be_a_folder_is_no_id_of_the_hub(target: str) -> None:
    assert not is_hub_id(target)


def test_a_folder_that_is_there_is_no_id_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "model").mkdir(parents=True)
    assert not is_hub_id("org/model")


def test_a_whole_model_has_no_fault_and_one_without_weights_has(
    untrained_llava: Path, text_only: Path, tmp_path: Path
) -> None:
    assert folder_fault(untrained_llava) is None
    shutil.copytree(untrained_llava, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    assert folder_fault(tmp_path / "m") == "model.safetensors is missing"
    assert "takes no images" in str(folder_fault(text_only))
    (tmp_path / "m" / "config.json").write_text("{")
    assert "config" in str(folder_fault(tmp_path / "m"))


def test_a_shard_that_an_index_names_and_is_not_there_is_named(tmp_path: Path) -> None:
    shards = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shards}))
    (tmp_path / "model-1.safetensors").touch()
    assert missing_weights(tmp_path) == "model-2.safetensors"
    (tmp_path / "model-2.safetensors").touch()
    assert missing_weights(tmp_path) is None


def test_a_snapshot_is_found_in_the_hub_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "models--org--model"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    found = huggingface_hub.try_to_load_from_cache
    monkeypatch.setattr(
        huggingface_hub,
        "try_to_load_from_cache",
        lambda *names: found(*names, cache_dir=tmp_path),
    )
    assert cached_snapshot("org/model") == snapshot
    assert cached_snapshot("org/other") is None


def test_devices_and_precisions_that_cannot_be_had_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device_fault("cpu") is None
    assert device_fault("cuda:0") is None
    assert "cuda:1 of 1 GPUs" in str(device_fault("cuda:1"))
    assert "'tpu'" in str(device_fault("tpu"))
    assert devices_fault("cuda:0") is None
    assert "cuda:1 of 1 GPUs" in str(devices_fault("cuda:0,cuda:1"))
    cpu = torch.device("cpu")
    for precision in ("auto", "float32", "bfloat16", "float16"):
        assert precision_fault(cpu, precision) is None
    assert "float8_e4m3fn" in str(precision_fault(cpu, "float8_e4m3fn"))
    assert (memory_of(cpu) or 0) > 2**28
