"""Makes training batches with the model's own processor and chat template.

The prompt is encoded exactly as for asking, then the answer's tokens and the end of text follow;
only those are to be learnt. Knows no family: what the processor returns per token is lengthened,
everything else (pixels, grids) is handed on as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sif.attacks.weights.examples import Example
from sif.errors import ModelError
from sif.vlm.chat import spell
from sif.vlm.foreign import FOREIGN
from sif.vlm.plain_words import first_line, shown

IGNORED = -100
FAULTS: Final = (StopIteration, *FOREIGN)
"""Of a processor. Above all no end of an iterator, which a loader would take for its own."""


@dataclass(frozen=True, slots=True)
class Collator:
    """Turns examples into a model's keyword arguments, `labels` included.

    Attributes:
        processor: of the model.
        options: what it must be told to return all that the model needs.
    """

    processor: Any
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """One right-padded batch.

        Raises:
            UsageError: an unreadable picture.
            ModelError: the processor refuses the examples.
        """
        try:
            prompts = self._encode_prompts(examples)
        except FAULTS as error:
            places = "; ".join(dict.fromkeys(it.origin for it in examples if it.origin))
            raise ModelError(
                f"expected examples that {type(self.processor).__name__} takes, got "
                f"{type(error).__name__}: {first_line(error)} ({shown(places or 'in memory')})"
            ) from error
        answers = [self._encode_answer(example.answer) for example in examples]
        real = prompts["attention_mask"].bool()
        batch = {
            key: self._lengthen(key, value, real, answers, suffix="labels" in prompts)
            if value.shape[:2] == real.shape and not value.is_floating_point()
            else _plain(value)
            for key, value in prompts.items()
            if key != "labels"
        }
        labels = [
            torch.cat([torch.full((int(row.sum()),), IGNORED), answer])
            for row, answer in zip(real, answers, strict=True)
        ]
        return batch | {"labels": _pad(labels, IGNORED)}

    def _encode_prompts(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        texts = [spell(self.processor, example.prompt) for example in examples]
        begin = self.processor.tokenizer.bos_token
        encoded = self.processor(
            images=[[example.picture()] for example in examples],
            text=texts,
            padding=True,
            return_tensors="pt",
            add_special_tokens=begin is None or not texts[0].startswith(begin),
            **self.options,
        )
        return dict(encoded)

    def _encode_answer(self, answer: str) -> Tensor:
        tokenizer = self.processor.tokenizer
        if tokenizer.eos_token_id is None:
            raise ModelError("expected a tokenizer with an end-of-text token, got one without")
        ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
        return torch.tensor([*ids, tokenizer.eos_token_id])

    def _lengthen(
        self, key: str, value: Tensor, real: Tensor, answers: list[Tensor], *, suffix: bool
    ) -> Tensor:
        """Drops the processor's padding and appends what `key` holds for the answer's tokens.

        That is what its last word has where a word has more than one number; else 0, but where the
        processor knows suffixes (it returns labels), which have the type 1.
        """
        ones = [torch.ones_like(answer) for answer in answers]
        tails = {"input_ids": answers, "attention_mask": ones}
        if suffix:
            tails["token_type_ids"] = ones
        if value.ndim > 2:
            rest = [1] * (value.ndim - 2)
            lasts = [row[keep][-1:] for row, keep in zip(value, real, strict=True)]
            tails[key] = [
                last.repeat(len(answer), *rest) for last, answer in zip(lasts, answers, strict=True)
            ]
        ends = tails.get(key, [torch.zeros_like(answer) for answer in answers])
        rows = [
            torch.cat([row[keep], end.to(row.dtype)])
            for row, keep, end in zip(value, real, ends, strict=True)
        ]
        tokenizer = self.processor.tokenizer
        blank = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        return _pad(rows, blank if key == "input_ids" else 0)


def _plain(value: Tensor) -> Tensor:
    """Numbers in full precision, whatever the processor makes; the training casts them itself."""
    return value.float() if value.is_floating_point() else value


def _pad(rows: list[Tensor], value: int) -> Tensor:
    return pad_sequence(rows, batch_first=True, padding_value=value)
