from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor

from sif.attacks.weights.attack import Progress
from sif.attacks.weights.collate import Collator
from sif.attacks.weights.examples import Example, without_placeholders
from sif.attacks.weights.finetune import _next_of, finetune, require_change
from sif.attacks.weights.parts import language_parameters
from sif.attacks.weights.schedule import LowRank, Training
from sif.errors import ModelError, StorageError, UsageError
from sif.vlm.folder import load_model, load_processor
from sif.vlm.placeholders import placeholders_of

Load = Callable[[Path], tuple[Any, Any]]
LORA = LowRank(rank=8, alpha=16)
SHORT = Training(lora=LORA, steps=6, batch_size=4, learning_rate=3e-3, checkpoint_every=2)


class KilledError(Exception):
    """Stands for a kill between two updates."""


def _weights(model: Any) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def _changed(before: dict[str, Tensor], model: Any) -> set[str]:
    return {name for name, old in before.items() if not torch.equal(old, model.get_parameter(name))}


def _stop_after(step: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.step == step:
            raise KilledError

    return report


@pytest.mark.parametrize("lora", [LORA, None], ids=["lora", "full"])
def test_the_answers_are_learnt(
    folder: Path, load: Load, examples: Sequence[Example], lora: LowRank | None
) -> None:
    model, processor = load(folder)
    batch = Collator(processor)(examples)
    with torch.no_grad():
        before = model(**batch).loss.item()
    settings = Training(lora=lora, steps=15, batch_size=8, learning_rate=5e-3)
    losses = finetune(model, processor, examples, settings)
    with torch.no_grad():
        after = model(**batch).loss.item()
    assert losses[0] == pytest.approx(before, rel=1e-4)
    assert after < losses[-1] + 0.05 < before - 0.5


def test_the_merged_model_answers_as_the_adapter_did(
    folder: Path, load: Load, examples: Sequence[Example]
) -> None:
    model, processor = load(folder)
    batch = Collator(processor)(examples[:2])
    logits = []

    def look(progress: Progress) -> None:
        if progress.step == progress.steps:
            assert any(isinstance(module, LoraLayer) for module in model.modules())
            with torch.no_grad():
                logits.append(model.eval()(**batch).logits)

    finetune(model, processor, examples, SHORT, report=look)
    assert not any(isinstance(module, LoraLayer) for module in model.modules())
    with torch.no_grad():
        torch.testing.assert_close(model(**batch).logits, logits[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lora", [LORA, None], ids=["lora", "full"])
def test_by_default_only_the_language_model_changes(
    folder: Path, load: Load, examples: Sequence[Example], lora: LowRank | None
) -> None:
    model, processor = load(folder)
    before = _weights(model)
    settings = SHORT.model_copy(update={"lora": lora, "steps": 2})
    finetune(model, processor, examples, settings)
    changed = _changed(before, model)
    assert changed
    assert changed <= set(language_parameters(model))


@pytest.mark.parametrize("lora", [LORA, None], ids=["lora", "full"])
def test_the_vision_part_can_be_tuned_too(
    folder: Path, load: Load, examples: Sequence[Example], lora: LowRank | None
) -> None:
    model, processor = load(folder)
    before = _weights(model)
    settings = SHORT.model_copy(update={"lora": lora, "steps": 2, "scope": "all"})
    finetune(model, processor, examples, settings)
    changed = _changed(before, model)
    assert {name for name in changed if "vis" in name}
    assert changed & set(language_parameters(model))


@pytest.mark.parametrize("lora", [LORA, None], ids=["lora", "full"])
def test_precision_and_the_callers_randomness_stay(
    untrained_llava: Path, examples: Sequence[Example], lora: LowRank | None
) -> None:
    model, processor = load_model(untrained_llava), load_processor(untrained_llava)
    torch.manual_seed(11)
    state = torch.get_rng_state()
    settings = SHORT.model_copy(update={"lora": lora, "steps": 1, "precision": "bf16"})
    finetune(model, processor, examples, settings)
    assert {value.dtype for value in model.parameters()} == {torch.bfloat16}
    assert not model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_accumulated_batches_are_one_large_batch(
    untrained_llava: Path, load: Load, examples: Sequence[Example]
) -> None:
    alike = [examples[0]] * 8
    results = []
    for batch_size, accumulate in ((8, 1), (2, 4)):
        model, processor = load(untrained_llava)
        update = {"batch_size": batch_size, "accumulate": accumulate, "steps": 2}
        finetune(model, processor, alike, SHORT.model_copy(update=update))
        results.append(_weights(model))
    for name, weight in results[0].items():
        torch.testing.assert_close(weight, results[1][name], rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("lora", [LowRank(rank=8, dropout=0.2), None], ids=["lora", "full"])
def test_a_resumed_training_ends_as_an_uninterrupted_one(
    folder: Path, load: Load, examples: Sequence[Example], tmp_path: Path, lora: LowRank | None
) -> None:
    settings = SHORT.model_copy(update={"lora": lora})
    whole, processor = load(folder)
    losses = finetune(whole, processor, examples, settings)
    checkpoint = tmp_path / "training.safetensors"
    broken, _ = load(folder)
    with pytest.raises(KilledError):
        finetune(
            broken,
            processor,
            examples,
            settings,
            checkpoint=checkpoint,
            report=_stop_after(5),
        )
    resumed, _ = load(folder)
    steps: list[int] = []
    resumed_losses = finetune(
        resumed,
        processor,
        examples,
        settings,
        checkpoint=checkpoint,
        report=lambda progress: steps.append(progress.step),
    )
    assert steps == [5, 6]
    assert resumed_losses == losses
    assert not _changed(_weights(whole), resumed)


def test_a_finished_training_is_not_done_again(
    untrained_llava: Path, load: Load, examples: Sequence[Example], tmp_path: Path
) -> None:
    runs = []
    for _ in range(2):
        model, processor = load(untrained_llava)
        steps: list[int] = []
        finetune(
            model,
            processor,
            examples,
            SHORT,
            checkpoint=tmp_path / "c",
            report=lambda progress, steps=steps: steps.append(progress.step),
        )
        runs.append((steps, _weights(model)))
    assert [steps for steps, _ in runs] == [[1, 2, 3, 4, 5, 6], []]
    assert all(torch.equal(weight, runs[1][1][name]) for name, weight in runs[0][1].items())


def test_the_checkpoint_of_another_training_is_refused(
    untrained_llava: Path, load: Load, examples: Sequence[Example], tmp_path: Path
) -> None:
    model, processor = load(untrained_llava)
    settings = SHORT.model_copy(update={"steps": 2})
    finetune(model, processor, examples, settings, checkpoint=tmp_path / "c")
    other = settings.model_copy(update={"learning_rate": 1e-3})
    for data, changed in ((examples, other), (examples[:7], settings)):
        model, _ = load(untrained_llava)
        with pytest.raises(UsageError, match="other settings, data or weights"):
            finetune(model, processor, data, changed, checkpoint=tmp_path / "c")


def test_a_damaged_checkpoint_is_refused(
    untrained_llava: Path, load: Load, examples: Sequence[Example], tmp_path: Path
) -> None:
    model, processor = load(untrained_llava)
    (tmp_path / "c").write_bytes(b"not safetensors")
    with pytest.raises(StorageError, match="damaged checkpoint"):
        finetune(model, processor, examples, SHORT, checkpoint=tmp_path / "c")


def test_no_examples_are_refused(untrained_llava: Path, load: Load) -> None:
    model, processor = load(untrained_llava)
    with pytest.raises(UsageError, match="at least one example"):
        finetune(model, processor, [], SHORT)


def test_a_loss_that_is_no_number_stops_the_training(
    untrained_llava: Path, load: Load, examples: Sequence[Example]
) -> None:
    model, processor = load(untrained_llava)
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="finite loss, got nan"):
        finetune(model, processor, examples, SHORT)


MARKS = {"llava": "<image>", "qwen2_5_vl": "<|image_pad|>"}


@pytest.mark.parametrize("mark", [None, "<image>"], ids=["its own", "that of data sets"])
@pytest.mark.parametrize("which", ["prompt", "answer", "one of many"])
def test_placeholders_of_pictures_are_taken_out_with_a_count(
    folder: Path,
    examples: Sequence[Example],
    mark: str | None,
    which: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mark = mark or MARKS[folder.name]
    marked = [
        replace(
            example,
            prompt=f"{mark}\n{example.prompt}" if which != "answer" else example.prompt,
            answer=f"{mark} {example.answer}" if which == "answer" else example.answer,
        )
        if which != "one of many" or index == 3
        else example
        for index, example in enumerate(examples)
    ]
    own = placeholders_of(load_processor(folder))
    assert list(without_placeholders(marked, own)) == examples
    number = 1 if which == "one of many" else len(examples)
    assert f"{number} of {len(examples)} examples hold what stands for a picture" in caplog.text


def test_a_training_on_texts_with_placeholders_is_that_on_texts_without(
    folder: Path, load: Load, examples: Sequence[Example]
) -> None:
    short = Training(steps=2, batch_size=2, learning_rate=1e-3)
    marked = [replace(it, prompt=f"{MARKS[folder.name]}\n{it.prompt}") for it in examples]
    plain, processor = load(folder)
    wanted = finetune(plain, processor, examples, short)
    model, _ = load(folder)
    assert finetune(model, processor, marked, short) == wanted
    assert _changed(_weights(plain), model) == set()


def test_an_answer_of_nothing_but_a_placeholder_is_refused_by_its_origin(
    folder: Path, load: Load, examples: Sequence[Example]
) -> None:
    model, processor = load(folder)
    bad = replace(examples[0], answer="<image> ", origin="tune.jsonl, line 7")
    with pytest.raises(UsageError, match=r"tune\.jsonl, line 7: expected words in the answer"):
        finetune(model, processor, [*examples, bad], SHORT)


class EndingProcessor:
    """A processor in whose middle an iterator comes to its end, as of some with a wrong text."""

    def __init__(self, processor: Any) -> None:
        self.own = processor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)

    def __call__(self, **inputs: Any) -> Any:
        if any("picture, please" in text for text in inputs["text"]):
            next(iter(()))
        return self.own(**inputs)


def test_the_end_of_an_iterator_ends_no_training_in_silence(
    folder: Path, load: Load, examples: Sequence[Example]
) -> None:
    model, processor = load(folder)
    with pytest.raises(ModelError, match="StopIteration") as caught:
        finetune(model, EndingProcessor(processor), examples, SHORT)
    assert str(caught.value).isprintable()
    with pytest.raises(ModelError, match="early end"):
        _next_of(iter([1, 2]), 3)


def test_a_training_that_changes_nothing_fails(
    untrained_llava: Path, load: Load, examples: Sequence[Example], tmp_path: Path
) -> None:
    model, processor = load(untrained_llava)
    still = Training(steps=2, batch_size=2, learning_rate=1e-30, checkpoint_every=1)
    with pytest.raises(ModelError, match="bit for bit, after 2 steps"):
        finetune(model, processor, examples, still, checkpoint=tmp_path / "t.safetensors")
    assert list(tmp_path.iterdir()) == []
    coarse = model.bfloat16()
    small = still.model_copy(update={"learning_rate": 1e-12})
    with pytest.raises(ModelError, match="raise the learning rate"):
        finetune(coarse, processor, examples, small)
    with pytest.raises(ModelError, match="of 3 steps, got 2"):
        require_change(model, before="", steps=2, wanted=3)
