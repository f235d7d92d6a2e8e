"""Finds the parts of any vision-language model that attacks work on, without knowing its name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from torch import nn

from sif.errors import ModelError, UsageError

QUANTISERS: Final = ("bitsandbytes.",)
"""Whose linear layers compute in a way of their own and give back one tensor."""


def linear_layers(model: Any) -> dict[str, nn.Linear]:
    """Every linear layer by name, but for the output head (which may be tied to the embeddings)."""
    head = model.get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }


def language_layers(model: Any) -> dict[str, nn.Linear]:
    """The linear layers of the language model: its attention and its feed-forward projections.

    Raises:
        ModelError: the model does not tell its language model from the rest.
    """
    inside = {id(module) for module in language_model(model).modules()}
    return {name: layer for name, layer in linear_layers(model).items() if id(layer) in inside}


def adaptable_layers(layers: Mapping[str, nn.Linear]) -> list[str]:
    """Names of the layers that an adapter can stand beside, as they give back one tensor.

    A model's own kinds of linear layer may give more: a router of experts gives its choice as well.
    """
    return [
        name
        for name, layer in layers.items()
        if type(layer).forward is nn.Linear.forward or type(layer).__module__.startswith(QUANTISERS)
    ]


def refuse_rank(rank: int, layers: Iterable[nn.Linear]) -> None:
    """An adapter holds no more than its layer from the layer's smaller side on.

    Raises:
        UsageError: a rank above the smaller sides of all layers.
    """
    most = max((min(it.in_features, it.out_features) for it in layers), default=0)
    if rank > most:
        raise UsageError(
            f"expected a rank of at most {most}, the smaller side of the layers that the adapter "
            f"stands beside, got {rank}; choose a smaller one, or tune without an adapter"
        )


def named_layers(names: Sequence[str], ends: Sequence[str]) -> list[str]:
    """Those names that end in one of some parts, such as q_proj; all where nothing is said.

    Raises:
        ModelError: no name ends in one of them.
    """
    missing = [end for end in ends if not any(name.split(".")[-1] == end for name in names)]
    if missing:
        known = sorted({name.split(".")[-1] for name in names})
        raise ModelError(
            f"expected layers named {', '.join(ends)} to put LoRA on, got none named {missing[0]}; "
            f"there are {', '.join(known)}"
        )
    return [name for name in names if not ends or name.split(".")[-1] in ends]


def language_parameters(model: Any) -> dict[str, nn.Parameter]:
    """All parameters of the language model, its embeddings and its output head.

    Raises:
        ModelError: the model does not tell its language model from the rest.
    """
    head = model.get_output_embeddings()
    kept = {id(parameter) for parameter in language_model(model).parameters()}
    kept |= {id(parameter) for parameter in head.parameters()} if head is not None else set()
    return {name: value for name, value in model.named_parameters() if id(value) in kept}


def language_model(model: Any) -> Any:
    """The decoder: everything between the embedded words and the output head.

    Raises:
        ModelError: the model does not tell its language model from the rest.
    """
    decoder: nn.Module = model.get_decoder()
    if decoder is model or decoder is model.base_model:
        raise ModelError(
            f"expected a model that keeps its language model apart, got {type(model).__name__}; "
            "only tuning all of it (--vision) does without"
        )
    return decoder
