"""Folders that no library should be given: pipes, devices, endless files, giants in numbers."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from sif.errors import ModelError
from sif.suspects.connect import connect
from sif.vlm.model import Vlm
from tests.vlm.folders import copy_with_json

SECONDS = 30
READ = (
    *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    *("generation_config.json", "processor_config.json", "chat_template.jinja"),
    *("adapter_config.json", "model.safetensors.index.json", "shard.safetensors"),
)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """A test that waits for a pipe fails."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"still at it after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refusals(folder: Path) -> list[str]:
    """What is said to whoever makes triggers on it and to whoever asks it: a line each."""
    tries: list[Callable[[], object]] = [
        lambda: Vlm.load(folder, device="cpu"),
        lambda: connect(f"hf:{folder}?device=cpu"),
    ]
    said = []
    for each in tries:
        with pytest.raises(ModelError) as caught:
            each()
        said.append(str(caught.value))
        assert said[-1].isprintable()
        assert len(said[-1]) < 900
    return said


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", READ)
def test_nothing_waits_for_a_pipe_or_reads_a_device(
    name: str, kind: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json")
    (copy / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(copy / name)
    else:
        (copy / name).symlink_to("/dev/zero")
    assert all(f"{name}, which is a pipe" in said for said in refusals(copy))


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json"])
def test_settings_of_gigabytes_are_not_read(
    name: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json")
    os.truncate(copy / name, 2**33)
    assert all(f"{name} with 8192 MiB" in said for said in refusals(copy))


def test_the_states_of_a_training_run_may_be_long(untrained_llava: Path, tmp_path: Path) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json")
    (copy / "trainer_state.json").touch()
    os.truncate(copy / "trainer_state.json", 2**30)
    (copy / "link-to-nowhere").symlink_to("gone")
    Vlm.load(copy, device="cpu")


@pytest.mark.parametrize(
    ("index", "found"),
    [
        ({"weight_map": {"lm_head.weight": "../model.safetensors"}}, "../model.safetensors"),
        ({"weight_map": {"lm_head.weight": "\x1b[2J/etc/passwd"}}, r"\x1b[2J/etc/passwd"),
        ({"weight_map": {}}, "nothing that can be read"),
        ({"weight_map": [1]}, "nothing that can be read"),
        ([], "nothing that can be read"),
    ],
)
def test_an_index_names_files_of_its_own_folder(
    index: object, found: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json")
    (copy / "model.safetensors").rename(tmp_path / "model.safetensors")
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    assert all(f"got {found}" in said for said in refusals(copy))


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("text_config", "num_hidden_layers"),
        ("vision_config", "num_hidden_layers"),
        ("text_config", "num_local_experts"),
    ],
)
def test_more_layers_than_any_model_has_are_not_built(
    part: str, name: str, untrained_llava: Path, tmp_path: Path
) -> None:
    inner = json.loads((untrained_llava / "config.json").read_text())[part]
    copy = copy_with_json(
        untrained_llava, tmp_path / "copy", "config.json", **{part: inner | {name: 10**9}}
    )
    assert all(f"{name}, got 1000000000" in said for said in refusals(copy))


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation_internal"])
@pytest.mark.parametrize(
    "value", ["evil/kernel", {"text_config": "flash|evil/kernel:run"}], ids=type
)
def test_kernels_of_a_strangers_repository_are_not_fetched(
    name: str, value: object, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json", **{name: value})
    assert all("evil/kernel" in said and "code to be fetched" in said for said in refusals(copy))


@pytest.mark.parametrize("entries", [None, {"vocab_size": 10**8}, {"hidden_size": 6 * 10**6}])
def test_a_model_far_larger_than_its_files_is_not_filled_up(
    entries: dict[str, object] | None, untrained_llava: Path, tmp_path: Path
) -> None:
    inner = json.loads((untrained_llava / "config.json").read_text())["text_config"]
    value = None if entries is None else inner | entries
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json", text_config=value)
    assert all("numbers for files of" in said for said in refusals(copy))


@pytest.mark.parametrize("entry", ["deep", "deeper"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "processor_config.json"])
def test_settings_of_deep_nesting_are_one_sentence(
    name: str, entry: str, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", name, normalizer="NESTED")
    depth = {"deep": 500, "deeper": 100_000}[entry]
    text = (copy / name).read_text().replace('"NESTED"', "[" * depth + "]" * depth)
    (copy / name).write_text(text)
    try:
        connect(f"hf:{copy}?device=cpu")
    except ModelError:
        refusals(copy)


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize(
    ("part", "entries"),
    [
        ("text_config", {"num_attention_heads": 0}),
        ("text_config", {"num_hidden_layers": "many\x1b[2J\n\nmore"}),
        ("vision_config", {"patch_size": 0}),
        ("vision_config", None),
    ],
)
def test_settings_of_no_model_are_one_sentence(
    part: str, entries: dict[str, object] | None, untrained_llava: Path, tmp_path: Path
) -> None:
    inner = json.loads((untrained_llava / "config.json").read_text())[part]
    value = "no object" if entries is None else inner | entries
    refusals(copy_with_json(untrained_llava, tmp_path / "copy", "config.json", **{part: value}))
