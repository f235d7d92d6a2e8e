"""Generation by the asked settings and by nothing else: one way for making and for asking.

A model's own generation defaults (beams, penalties, forbidden words, a temperature, …) would shape
the maker's answers and not those of whoever serves a copy otherwise; only its special ids are kept.
Knows nothing of prompts or pictures.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from sif.types import GenerationSettings

LogitsHook = Callable[[Tensor, Tensor], Tensor]
"""(ids "batch positions", logits "batch vocab") -> logits."""

StopRule = Callable[[Tensor], Tensor]
"""Ids "batch positions", prompt included -> "batch", which rows have said enough."""


class Decoded(NamedTuple):
    """New ids of every row, which of them end an answer, and the raw logits where asked for."""

    ids: Int[Tensor, "batch positions"]
    ends: Bool[Tensor, "batch positions"]
    logits: tuple[Tensor, ...] | None


def decode(
    model: Any,
    inputs: Mapping[str, Tensor],
    settings: GenerationSettings,
    *,
    hook: LogitsHook | None = None,
    stop: StopRule | None = None,
    with_logits: bool = False,
) -> Decoded:
    """Generates from encoded questions; nothing is left to the model's own defaults.

    Args:
        model: of transformers; its generation defaults are the same afterwards.
        inputs: what its processor made of the questions, padded on the left.
        settings: greedy where the temperature is 0.
        hook: changes the next-token logits.
        stop: ends rows before their end.
        with_logits: keep the unchanged logits of every step.
    """
    with _without_defaults(model):
        output = model.generate(
            **inputs,
            generation_config=_configuration(
                model.generation_config, settings, with_logits=with_logits
            ),
            logits_processor=[hook] if hook else None,
            stopping_criteria=[_criterion(stop)] if stop else None,
        )
        ends = _ids(model.generation_config.eos_token_id)
    seen = 0 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
    new = output.sequences[:, seen:]
    ended = torch.isin(new, torch.tensor(ends, dtype=new.dtype, device=new.device))
    return Decoded(new, ended, output.logits if with_logits else None)


@contextmanager
def _without_defaults(model: Any) -> Iterator[None]:
    """For a while the model has no generation defaults but begin, end and padding."""
    own = model.generation_config
    end = _ids(own.eos_token_id) or _ids(getattr(_text(model), "eos_token_id", None))
    padding = next(iter(_ids(own.pad_token_id) or end), None)
    model.generation_config = type(own)(
        bos_token_id=own.bos_token_id,
        eos_token_id=end or None,
        pad_token_id=padding,
        decoder_start_token_id=own.decoder_start_token_id,
    )
    try:
        yield
    finally:
        model.generation_config = own


def _configuration(plain: Any, settings: GenerationSettings, *, with_logits: bool) -> Any:
    """A configuration of generation that says everything that the settings say."""
    words: dict[str, Any] = {
        "max_new_tokens": settings.max_new_tokens,
        "min_new_tokens": settings.min_new_tokens or None,
        "repetition_penalty": settings.repetition_penalty,
        "num_beams": 1,
        "do_sample": settings.temperature > 0,
        "return_dict_in_generate": True,
        "output_logits": with_logits,
    }
    if settings.temperature > 0:
        words |= {"temperature": settings.temperature, "top_p": settings.top_p, "top_k": 0}
    return type(plain)(
        bos_token_id=plain.bos_token_id,
        eos_token_id=plain.eos_token_id,
        pad_token_id=plain.pad_token_id,
        decoder_start_token_id=plain.decoder_start_token_id,
        **words,
    )


def _criterion(stop: StopRule) -> Any:
    from transformers import StoppingCriteria

    class Enough(StoppingCriteria):  # type: ignore[misc, unused-ignore]
        def __call__(self, input_ids: Tensor, scores: Any, **_rest: Any) -> Tensor:
            return stop(input_ids)

    return Enough()


def _text(model: Any) -> Any:
    return model.config.get_text_config()


def _ids(token: int | Sequence[int] | None) -> list[int]:
    """Ids as a list; configurations write a number below zero for none."""
    several = [token] if token is None or isinstance(token, int) else token
    return [index for index in several if index is not None and index >= 0]
