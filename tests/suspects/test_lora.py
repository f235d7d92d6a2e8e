"""LoRA adapters of `vllm:` addresses, looked at before vLLM reads them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import IA3Config, LoraConfig
from safetensors.torch import load_file, save_file

from sif.errors import ModelError, SifError, UsageError
from sif.suspects.connect import connect
from sif.suspects.late import late
from sif.suspects.lora import plain_lora
from sif.types import Answer, Suspect
from sif.vlm.adapter import SETTINGS, WEIGHTS
from tests.suspects.questions import questions
from tests.vlm.test_adapter import train

WORDS = r".*language_model.*\.(q_proj|v_proj|down_proj)"


@pytest.fixture(scope="module")
def lora(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "lora"
    train(
        untrained_llava, folder, LoraConfig(r=4, rank_pattern={"q_proj": 9}, target_modules=WORDS)
    )
    return folder


def refused(adapter: Path, model: Path) -> SifError:
    with pytest.raises(SifError) as caught, plain_lora(str(adapter), str(model)):
        pass
    return caught.value


def with_weights(adapter: Path, copy: Path, change: Any) -> Path:
    shutil.copytree(adapter, copy)
    tensors = load_file(adapter / WEIGHTS)
    save_file(change(tensors), copy / WEIGHTS)
    return copy


def test_the_copy_has_room_for_the_largest_rank_and_names_no_base(
    lora: Path, untrained_llava: Path
) -> None:
    with plain_lora(str(lora), str(untrained_llava)) as found:
        assert found.arguments() == {"enable_lora": True, "max_loras": 1, "max_lora_rank": 16}
        assert {file.name for file in found.folder.iterdir()} == {SETTINGS, WEIGHTS}
        assert "base_model_name_or_path" not in json.loads((found.folder / SETTINGS).read_text())
    assert not found.folder.exists()


def test_what_is_no_lora_is_a_usage_error(
    untrained_llava: Path, untrained_qwen: Path, tmp_path: Path
) -> None:
    train(untrained_llava, tmp_path, IA3Config(target_modules=["q_proj"], feedforward_modules=[]))
    assert "of the kind IA3" in str(refused(tmp_path, untrained_llava))
    for place in (tmp_path / "nowhere", untrained_qwen):
        error = refused(place, untrained_llava)
        assert isinstance(error, UsageError)
        assert f"without {SETTINGS}; name the folder" in str(error)


@pytest.mark.parametrize(
    ("config", "leaves_out"),
    [
        (LoraConfig(r=2, target_modules=["q_proj"]), "vision_tower"),
        (LoraConfig(r=2, target_modules=["linear_1"]), "multi_modal_projector"),
        (LoraConfig(r=2, target_modules=WORDS, use_dora=True), "lora_magnitude_vector"),
        (LoraConfig(r=2, target_modules=WORDS, modules_to_save=["lm_head"]), "lm_head.weight"),
    ],
)
def test_what_vllm_would_leave_out_in_silence_is_refused(
    config: LoraConfig, leaves_out: str, untrained_llava: Path, tmp_path: Path
) -> None:
    train(untrained_llava, tmp_path, config)
    error = str(refused(tmp_path, untrained_llava))
    assert leaves_out in error
    assert "which vLLM would leave out; ask hf:" in error


def test_an_adapter_of_another_base_is_refused(
    lora: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    def narrow(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        down = ".lora_A.weight"
        return {n: t[:, :-8].contiguous() if n.endswith(down) else t for n, t in tensors.items()}

    def wide(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {n: torch.cat([t] * 8) if "lora_A" in n else t for n, t in tensors.items()}

    for name, change in (("narrow", narrow), ("wide", wide)):
        other = with_weights(lora, tmp_path / name, change)
        assert "does not fit it" in str(refused(other, untrained_llava))
    assert "none" in str(refused(with_weights(lora, tmp_path / "x", lambda _: {}), untrained_llava))


def test_settings_and_weights_of_strangers_are_bounded(
    lora: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    for rank in (0, 513, 10**12, "8", None, True):
        folder = shutil.copytree(lora, tmp_path / f"{rank}")
        settings = json.loads((folder / SETTINGS).read_text()) | {"r": rank}
        (folder / SETTINGS).write_text(json.dumps(settings))
        assert "expected ranks from 1 to 512" in str(refused(folder, untrained_llava))
    for number, patterns in enumerate(({"(a+)+": 4}, {".*" * 40: 4}, [1], {"": 2})):
        folder = shutil.copytree(lora, tmp_path / f"patterns-{number}")
        settings = json.loads((folder / SETTINGS).read_text()) | {"alpha_pattern": patterns}
        (folder / SETTINGS).write_text(json.dumps(settings))
        assert "expected plain names of layers" in str(refused(folder, untrained_llava))
    pickled = shutil.copytree(lora, tmp_path / "pickled")
    (pickled / WEIGHTS).rename(pickled / "adapter_model.bin")
    assert "a pickle" in str(refused(pickled, untrained_llava))
    cut = shutil.copytree(lora, tmp_path / "cut")
    (cut / WEIGHTS).write_bytes((lora / WEIGHTS).read_bytes()[:-100])
    assert isinstance(refused(cut, untrained_llava), ModelError)


def test_the_name_changes_with_the_adapters_weights(
    lora: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    other = with_weights(lora, tmp_path / "other", lambda t: {n: 2 * v for n, v in t.items()})
    plain, one = late(f"vllm:{untrained_llava}").name, f"vllm:{untrained_llava}?lora="
    assert late(f"{one}{lora}").name.endswith(f"?lora={lora}")
    digests = {late(f"{one}{place}").name.partition("?")[0] for place in (lora, other)}
    assert len({*digests, plain}) == 3


@pytest.fixture(scope="module")
def worn(lora: Path, untrained_llava: Path) -> Iterator[Suspect]:
    pytest.importorskip("vllm")
    suspect = connect(f"vllm:{untrained_llava}?lora={lora}&dtype=float32&max_model_len=256")
    yield suspect
    suspect.close()


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_vllm_answers_with_the_adapter_as_the_merged_model_does(
    worn: Suspect, lora: Path, untrained_llava: Path
) -> None:
    texts = [
        [reply.text.removeprefix("##") for reply in replies if isinstance(reply, Answer)]
        for replies in (
            worn.ask(questions(4)),
            connect(f"hf:{lora}?base={untrained_llava}&dtype=float32&device=cpu").ask(questions(4)),
            connect(f"hf:{untrained_llava}?dtype=float32&device=cpu").ask(questions(4)),
        )
    ]
    assert len(texts[0]) == 4
    assert texts[0] == texts[1] != texts[2]
    assert worn.name == late(worn.name.partition("@")[0] + f"?lora={lora}&dtype=float32").name
