"""What a model's forward pass takes: asked of its signature and of how it lengthens its own inputs.

The one place where families differ in what stands beside words and pixels (types of tokens, which
pictures a position sees, training's labels). Knows no model by name.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Final

import torch
from jaxtyping import Int
from torch import Tensor
from transformers.utils import ModelOutput

OF_TRAINING: Final = ("labels",)


def takes(model: Any, name: str) -> bool:
    """Whether the forward pass names this argument."""
    return name in inspect.signature(model.forward).parameters


def processor_options(model: Any) -> dict[str, Any]:
    """What the processor must be told so that it returns all that the model needs."""
    wanted = {"mm_token_type_ids": {"return_mm_token_type_ids": True}}
    known = [options for name, options in wanted.items() if takes(model, name)]
    return {name: value for options in known for name, value in options.items()}


def forward_options(model: Any, *, positions: int) -> dict[str, Any]:
    """For one pass that wants the logits of the last positions, as far as the model can skip.

    No cache is kept, by models that hand the wish on to their language model too.
    """
    named = inspect.signature(model.forward).parameters.values()
    hands_on = any(one.kind is one.VAR_KEYWORD for one in named)
    wanted: dict[str, Any] = {"use_cache": False} if hands_on or takes(model, "use_cache") else {}
    return wanted | ({"logits_to_keep": positions} if takes(model, "logits_to_keep") else {})


def placed(batch: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """What a processor returned, where the model is and in its precision; nothing of training."""
    return {
        name: _moved(value, model)
        for name, value in batch.items()
        if value is not None and name not in OF_TRAINING
    }


def _moved(value: Any, model: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_moved(part, model) for part in value]
    if not isinstance(value, Tensor):
        return value
    return value.to(model.device, model.dtype if value.is_floating_point() else None)


def lengthened(
    model: Any, inputs: Mapping[str, Any], ids: Int[Tensor, "batch positions"], *, filler: int
) -> dict[str, Any]:
    """Inputs with answers behind the prompts, in everything that grows with them.

    What that is, and what it holds for a word of an answer, is asked of the model: it lengthens its
    inputs by one place, as it does while it answers. What it then leaves alone although it has one
    whole number a place says which places are pictures, and answers are none.

    Args:
        model: whose inputs these are.
        inputs: of the prompts.
        ids: of the answers, -1 behind the end of shorter ones.
        filler: an id for those places, which nothing attends to.
    """
    seen, count = ids >= 0, ids.shape[1]
    before = {name: value for name, value in inputs.items() if name != "input_ids"}
    after = model._update_model_kwargs_for_generation(
        ModelOutput(), dict(before), is_encoder_decoder=False
    )
    longer = dict(inputs)
    for name, value in before.items():
        if not isinstance(value, Tensor):
            continue
        grown = [
            axis for axis in range(1, value.ndim) if after[name].shape[axis] > value.shape[axis]
        ]
        for axis in grown:
            tail = after[name].narrow(axis, value.shape[axis], 1).repeat_interleave(count, axis)
            if name == "position_ids":
                tail = tail + torch.ones_like(tail).cumsum(axis) - 1
            longer[name] = torch.cat([value, tail], axis)
        if not grown and value.shape == inputs["input_ids"].shape and not value.is_floating_point():
            longer[name] = torch.cat([value, torch.zeros_like(ids).to(value)], 1)
    longer["input_ids"] = torch.cat([inputs["input_ids"], ids.masked_fill(~seen, filler)], 1)
    mask = inputs["attention_mask"]
    longer["attention_mask"] = torch.cat([mask, seen.to(mask)], 1)
    return longer
