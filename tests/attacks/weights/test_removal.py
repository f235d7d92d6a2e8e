"""Removal on real, untrained mini models: states move, words are learnt, kills cost little."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sif.attacks.weights.attack import Progress, Workbench
from sif.attacks.weights.examples import Example
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.removal import Remove, compared
from sif.attacks.weights.schedule import LowRank, Training
from sif.attacks.weights.theft import steal
from sif.errors import ModelError, UsageError

Load = Callable[[Path], tuple[Any, Any]]
TRAINING = Training(steps=12, batch_size=4, learning_rate=3e-3, checkpoint_every=2)


class KilledError(Exception):
    """Stands for a kill between two updates."""


def applied(model: Any, processor: Any, attack: Any, place: Path) -> dict[str, Any]:
    facts: dict[str, Any] = attack.apply(model, processor, Workbench(scratch=place, device="cpu"))
    return facts


@pytest.mark.parametrize("lora", [LowRank(rank=8, alpha=16), None], ids=["lora", "full"])
def test_states_move_with_the_strength_and_the_words_are_learnt(
    folder: Path, load: Load, examples: Sequence[Example], tmp_path: Path, lora: LowRank | None
) -> None:
    settings = TRAINING.model_copy(update={"lora": lora})
    found = {}
    for strength in (0.01, 5.0):
        model, processor = load(folder)
        attack = Remove(strength=strength, training=settings, examples=examples)
        place = tmp_path / str(strength)
        place.mkdir()
        found[strength] = applied(model, processor, attack, place)
    weak, strong = found[0.01], found[5.0]
    assert strong["states_alike"] < weak["states_alike"] - 0.1
    assert strong["last_loss"] < strong["first_loss"]
    assert strong["steps"] == 12
    assert 0 <= strong["words_agreed"] <= 1


def test_examples_of_trainers_with_placeholders_are_taken(
    untrained_llava: Path, load: Load, examples: Sequence[Example], tmp_path: Path
) -> None:
    settings = TRAINING.model_copy(update={"steps": 1})
    found = []
    for marked in (False, True):
        asked = [
            replace(one, prompt=f"<image>\n{one.prompt}" if marked else one.prompt)
            for one in examples
        ]
        place = tmp_path / str(marked)
        place.mkdir()
        model, processor = load(untrained_llava)
        facts = applied(model, processor, Remove(training=settings, examples=asked), place)
        found.append({name: facts[name] for name in ("last_loss", "states_alike", "words_agreed")})
    assert found[0] == found[1]


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_models_in_half_precision_are_compared_in_their_own(
    folder: Path, load: Load, examples: Sequence[Example], tmp_path: Path, precision: torch.dtype
) -> None:
    model, processor = load(folder)
    settings = TRAINING.model_copy(update={"steps": 1})
    facts = applied(
        model.to(precision), processor, Remove(training=settings, examples=examples), tmp_path
    )
    assert 0 < facts["states_alike"] <= 1
    assert model.dtype == precision


def test_a_model_is_its_own_like(folder: Path, load: Load, examples: Sequence[Example]) -> None:
    model, processor = load(folder)
    alike, agreed = compared(model, load(folder)[0], processor, examples)
    assert alike == pytest.approx(1.0, abs=1e-5)
    assert agreed == 1.0


def test_tuning_alone_leaves_the_states_nearer(
    untrained_llava: Path, load: Load, examples: Sequence[Example], tmp_path: Path
) -> None:
    alike = []
    for attack in (
        Finetune(training=TRAINING, examples=examples),
        Remove(strength=5.0, training=TRAINING, examples=examples),
    ):
        model, processor = load(untrained_llava)
        place = tmp_path / attack.name
        place.mkdir()
        applied(model, processor, attack, place)
        alike.append(compared(model, load(untrained_llava)[0], processor, examples)[0])
    assert alike[1] < alike[0] - 0.1


def test_a_killed_removal_goes_on_and_ends_as_a_whole_one(
    untrained_llava: Path, load: Load, examples: Sequence[Example], tmp_path: Path
) -> None:
    attack = Remove(training=TRAINING.model_copy(update={"steps": 6}), examples=examples)
    whole, processor = load(untrained_llava)
    (tmp_path / "whole").mkdir()
    facts = applied(whole, processor, attack, tmp_path / "whole")
    steps: list[int] = []

    def stop(progress: Progress) -> None:
        steps.append(progress.step)
        if steps.count(5) == 1 and progress.step == 5:
            raise KilledError

    broken, _ = load(untrained_llava)
    bench = Workbench(scratch=tmp_path, device="cpu", report=stop)
    with pytest.raises(KilledError):
        attack.apply(broken, processor, bench)
    resumed, _ = load(untrained_llava)
    assert attack.apply(resumed, processor, bench) == facts
    assert steps == [1, 2, 3, 4, 5, 5, 6]
    for name, value in whole.named_parameters():
        assert torch.equal(value, resumed.get_parameter(name))
    other, _ = load(untrained_llava)
    with pytest.raises(UsageError, match="other settings, data or weights"):
        attack.model_copy(update={"strength": 2.0}).apply(other, processor, bench)


def test_the_copy_is_a_plain_folder_that_says_how_far_it_went(
    untrained_llava: Path, examples: Sequence[Example], tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    attack = Remove(training=TRAINING.model_copy(update={"steps": 2}), examples=examples)
    history = steal(untrained_llava, out, [attack], device="cpu")
    (record,) = history.attacks
    assert record.attack == "remove"
    assert record.parameters["strength"] == 1.0
    assert set(record.facts) >= {"states_alike", "words_agreed", "steps"}
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


class Mute(torch.nn.Module):
    """Gives no hidden states."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.device, self.dtype = model, model.device, model.dtype

    def forward(self, **inputs: Any) -> Any:
        outputs = self.model(**inputs)
        outputs.hidden_states = None
        return outputs


def test_a_model_without_hidden_states_is_refused(
    untrained_llava: Path, load: Load, examples: Sequence[Example]
) -> None:
    model, processor = load(untrained_llava)
    with pytest.raises(ModelError, match="hidden states"):
        compared(Mute(model), model, processor, examples)


def test_no_examples_and_strengths_out_of_range_are_refused(
    untrained_llava: Path, load: Load, tmp_path: Path
) -> None:
    model, processor = load(untrained_llava)
    with pytest.raises(UsageError, match="at least one example"):
        applied(model, processor, Remove(training=TRAINING, examples=[]), tmp_path)
    for strength in (0.0, -1.0, float("nan"), 1001.0):
        with pytest.raises(ValueError, match="strength"):
            Remove(strength=strength, training=TRAINING, examples=[])
