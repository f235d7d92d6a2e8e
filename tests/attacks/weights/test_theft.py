import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from sif.attacks.weights.attack import Progress
from sif.attacks.weights.collate import Collator
from sif.attacks.weights.examples import Example, load_examples
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Noise, Prune
from sif.attacks.weights.parts import linear_layers
from sif.attacks.weights.provenance import Provenance, digest_source
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.schedule import LowRank, Training
from sif.attacks.weights.theft import steal
from sif.errors import StorageError, UsageError
from sif.vlm.folder import save_model
from tests.kill_9 import kill_once_there_is
from tests.nearly_full import nearly_full_disk

Load = Callable[[Path], tuple[Any, Any]]
TUNING = Training(lora=LowRank(rank=4), steps=3, batch_size=4, learning_rate=3e-3)
SCRIPT = """
import sys
from pathlib import Path
from sif.attacks.weights.examples import load_examples
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.schedule import Training
from sif.attacks.weights.theft import steal

source, out, data, training = sys.argv[1:]
examples = load_examples(Path(data))
tuning = Finetune(training=Training.model_validate_json(training), examples=examples)
steal(source, Path(out), [tuning])
"""


def test_attacks_compose_into_a_plain_folder(
    folder: Path, tmp_path: Path, examples: Sequence[Example]
) -> None:
    out = tmp_path / "stolen"
    attacks = [
        Finetune(training=TUNING, examples=examples),
        Prune(fraction=0.2),
        Noise(sigma=0.02, seed=5),
        Quantize(kind="nf4", double=True),
    ]
    steal(folder, out, attacks)
    model = AutoModelForImageTextToText.from_pretrained(out)
    processor = AutoProcessor.from_pretrained(out)
    assert {value.dtype for value in model.parameters()} == {torch.bfloat16}
    batch = Collator(processor)(examples[:2])
    with torch.no_grad():
        assert torch.isfinite(model(**batch).loss)
    assert "quantization_config" not in json.loads((out / "config.json").read_text())
    assert {file.name for file in tmp_path.iterdir()} == {"stolen"}


def test_attacks_run_in_the_order_given(untrained_llava: Path, tmp_path: Path) -> None:
    zeros = {}
    for name, attacks in {
        "last": [Noise(sigma=0.1), Prune(fraction=0.3)],
        "first": [Prune(fraction=0.3), Noise(sigma=0.1)],
    }.items():
        steal(untrained_llava, tmp_path / name, attacks)
        model = AutoModelForImageTextToText.from_pretrained(tmp_path / name)
        weight = next(iter(linear_layers(model).values())).weight
        zeros[name] = (weight == 0).float().mean().item()
    assert zeros["last"] == pytest.approx(0.3, abs=1e-3)
    assert zeros["first"] < 0.01


def test_the_folder_tells_where_it_comes_from(
    untrained_llava: Path, tmp_path: Path, examples: Sequence[Example]
) -> None:
    attacks = [Finetune(training=TUNING, examples=examples), Quantize(kind="int8")]
    returned = steal(untrained_llava, tmp_path / "a", attacks)
    history = Provenance.load(tmp_path / "a")
    assert history == returned
    assert history.source_digest == digest_source(untrained_llava)
    assert [record.attack for record in history.attacks] == ["finetune", "quantize"]
    tuned, rounded = history.attacks
    assert tuned.parameters["training"]["lora"]["rank"] == 4
    assert tuned.facts["examples"] == 8
    assert rounded.facts["kept_layers"] == ["lm_head"]
    assert {"torch", "transformers", "peft", "bitsandbytes"} <= set(history.libraries)


def test_the_digest_sees_weights_and_not_readmes(untrained_llava: Path, load: Load, tmp_path: Path):
    model, processor = load(untrained_llava)
    save_model(model, processor, tmp_path / "same", README__md="other words")
    save_model(model, processor, tmp_path / "again")
    assert digest_source(tmp_path / "same") == digest_source(tmp_path / "again")
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    save_model(model, processor, tmp_path / "other")
    assert digest_source(tmp_path / "same") != digest_source(tmp_path / "other")


def test_an_existing_folder_is_left_alone(untrained_llava: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        steal(untrained_llava, tmp_path / "a", [Prune(fraction=0.2)])
    assert not list((tmp_path / "a").iterdir())


def test_a_theft_without_attacks_is_refused(untrained_llava: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one attack"):
        steal(untrained_llava, tmp_path / "a", [])


def test_a_folder_without_provenance_says_so(untrained_llava: Path) -> None:
    with pytest.raises(StorageError, match=r"expected a provenance\.json"):
        Provenance.load(untrained_llava)


@pytest.mark.parametrize("attack", [Prune(fraction=0.2), Quantize(kind="int8")], ids=str)
def test_a_full_disk_is_one_line_and_leaves_nothing(
    untrained_llava: Path, tmp_path: Path, attack: Prune | Quantize
) -> None:
    with pytest.raises(StorageError, match="cannot write"), nearly_full_disk(2**20):
        steal(untrained_llava, tmp_path / "a", [attack])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_after_kill_9_the_same_command_ends_with_the_same_weights(
    untrained_qwen: Path, tmp_path: Path, data: Path
) -> None:
    training = TUNING.model_copy(update={"steps": 60, "checkpoint_every": 4})
    tuning = Finetune(training=training, examples=load_examples(data))
    steal(untrained_qwen, tmp_path / "whole", [tuning])
    out, done = tmp_path / "killed", _kill_in_training(untrained_qwen, tmp_path, data, training)
    assert not out.exists()
    steps: list[Progress] = []
    steal(untrained_qwen, out, [tuning], report=steps.append)
    assert steps[0].step == done + 1
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    for name, weight in load_file(out / "model.safetensors").items():
        assert torch.equal(weight, whole[name])
    assert {file.name for file in tmp_path.iterdir()} == {"whole", "killed", "data"}


def _kill_in_training(source: Path, room: Path, data: Path, training: Training) -> int:
    """Kills a theft to `room / "killed"` behind a checkpoint; the number of updates it had made."""
    arguments = [str(source), str(room / "killed"), str(data), training.model_dump_json()]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments])
    checkpoint = room / ".killed.unfinished" / "training.safetensors"
    kill_once_there_is(checkpoint, process)
    with safe_open(checkpoint, framework="pt") as stored:
        return len(json.loads(stored.metadata()["losses"]))


def test_a_theft_killed_behind_its_last_write_is_done(
    untrained_llava: Path, tmp_path: Path
) -> None:
    attack = Prune(fraction=0.2)
    history = steal(untrained_llava, tmp_path / "copy", [attack])
    (tmp_path / ".copy.unfinished").mkdir()
    assert steal(untrained_llava, tmp_path / "copy", [attack]) == history
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    (tmp_path / ".copy.unfinished").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        steal(untrained_llava, tmp_path / "copy", [Prune(fraction=0.3)])
