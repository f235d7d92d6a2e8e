from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sif.attacks.weights.collate import IGNORED, Collator
from sif.attacks.weights.examples import Example
from sif.errors import ModelError

Load = Callable[[Path], tuple[Any, Any]]


def test_only_the_answer_and_the_end_of_text_are_learnt(
    folder: Path, load: Load, examples: list[Example]
) -> None:
    _, processor = load(folder)
    batch = Collator(processor)(examples)
    for example, ids, labels in zip(examples, batch["input_ids"], batch["labels"], strict=True):
        learnt = labels != IGNORED
        assert torch.equal(ids[learnt], labels[learnt])
        answer = processor.tokenizer(example.answer, add_special_tokens=False)["input_ids"]
        assert labels[learnt].tolist() == [*answer, processor.tokenizer.eos_token_id]


def test_the_prompt_is_spelt_as_it_is_asked(
    folder: Path, load: Load, examples: list[Example]
) -> None:
    _, processor = load(folder)
    batch = Collator(processor)(examples)
    for index, example in enumerate(examples):
        content = [
            {"type": "image", "image": example.picture()},
            {"type": "text", "text": example.prompt},
        ]
        asked = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )["input_ids"][0]
        assert torch.equal(batch["input_ids"][index, : len(asked)], asked)
        assert (batch["labels"][index, : len(asked)] == IGNORED).all()


def test_padding_does_not_change_the_loss(
    folder: Path, load: Load, examples: list[Example]
) -> None:
    model, processor = load(folder)
    collate = Collator(processor)
    batch = collate(examples)
    assert (batch["attention_mask"] == 0).any()
    with torch.no_grad():
        together = model(**batch).loss
        alone = [collate([example]) for example in examples]
        losses = torch.stack([model(**single).loss for single in alone])
    tokens = torch.tensor([int((single["labels"] != IGNORED).sum()) for single in alone])
    torch.testing.assert_close(together, (losses * tokens).sum() / tokens.sum())


def test_a_processor_is_told_what_the_model_needs_of_it(
    folder: Path, load: Load, examples: list[Example]
) -> None:
    _, processor = load(folder)
    batch = Collator(processor, {"return_mm_token_type_ids": True})(examples)
    assert batch["mm_token_type_ids"].shape == batch["input_ids"].shape
    assert not batch["mm_token_type_ids"][batch["labels"] != IGNORED].any()
    assert batch["mm_token_type_ids"].any(1).all()


def test_a_tokenizer_without_an_end_is_refused(
    untrained_llava: Path, load: Load, examples: list[Example]
) -> None:
    _, processor = load(untrained_llava)
    processor.tokenizer.eos_token = None
    with pytest.raises(ModelError, match="end-of-text token"):
        Collator(processor)(examples)
