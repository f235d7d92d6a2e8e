"""One look of a tower at pictures: the way its own model calls it, with a hook on every block.

A tower inside an LVLM is called through the LVLM's own `get_image_features`, which knows what its
tower wants (grids, tiles, masks, sizes); the rest of the model is not run. Any other is called by
the names of its parameters. Knows no model by name.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sif.errors import ModelError
from sif.marks.pixel_values import FAULTS, Inputs
from sif.vlm.plain_words import first_line

Edit = Callable[[Tensor], Tensor]
"""What replaces a block's output: "batch positions hidden" -> the same shape."""
Call = Callable[[], Any]


class Look(NamedTuple):
    """What a tower showed.

    Attributes:
        fired: which of the blocks ran, in the order in which they did.
        hidden: what they put out, in that order.
        output: of the whole tower.
    """

    fired: tuple[int, ...]
    hidden: tuple[Float[Tensor, "batch _positions _hidden"], ...]
    output: Any


class _EnoughError(Exception):
    """The tower has put out what it has; what follows is not run."""


def look(
    owner: Any,
    module: nn.Module,
    blocks: Sequence[nn.Module],
    inputs: Inputs,
    *,
    edits: Mapping[int, Edit],
    masked: bool = True,
) -> Look:
    """Runs a tower once.

    Args:
        owner: the whole model.
        module: its tower.
        blocks: to listen to.
        inputs: of its processor.
        edits: by block, what replaces its output before the next one sees it.
        masked: whether a tower that leaves out patches at random may do so.

    Raises:
        ModelError: the tower cannot take these inputs.
    """
    fired: list[int] = []
    hidden: list[Tensor] = []
    outputs: list[Any] = []

    def listen(index: int) -> Callable[..., Any]:
        def hook(block: nn.Module, _inputs: Any, output: Any) -> Any:
            first, replaced = _first_of(output)
            in_front = channels_in_front(first, block)
            last = first.movedim(1, -1) if in_front else first
            seen = _by_picture(last, inputs.pictures, block)
            if index in edits:
                seen = edits[index](seen)
                changed = seen.reshape(last.shape)
                output = replaced(changed.movedim(-1, 1) if in_front else changed)
            fired.append(index)
            hidden.append(seen)
            return output

        return hook

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        outputs.append(output)
        raise _EnoughError

    with ExitStack() as stack:
        for index, block in enumerate(blocks):
            stack.enter_context(block.register_forward_hook(listen(index)))
        stack.enter_context(module.register_forward_pre_hook(_in_own_precision, with_kwargs=True))
        stack.enter_context(module.register_forward_hook(keep))
        if not masked:
            stack.enter_context(_unmasked(module))
        for call in _calls(owner, module, inputs, masked=masked):
            with suppress(_EnoughError):
                _protected(call, owner, inputs)
            if outputs:
                return Look(tuple(fired), tuple(hidden), outputs[0])
    raise ModelError(
        f"expected a vision tower that takes what its processor makes ({', '.join(inputs)}), got "
        f"{type(module).__name__}, whose forward pass takes "
        f"{', '.join(_parameters(module.forward))}"
    )


def channels_in_front(output: Tensor, block: nn.Module) -> bool:
    """Whether a map's second axis is its channels: by the sizes of the layers that made it."""
    if output.ndim != 4:
        return False
    sizes = {side for part in block.modules() for side in _sizes(part)}
    front, end = (output.shape[axis] in sizes for axis in (1, -1))
    if front and end:
        return any(isinstance(part, nn.Conv2d) for part in block.modules())
    return front


def _sizes(layer: nn.Module) -> tuple[int, ...]:
    match layer:
        case nn.Linear():
            return (layer.in_features, layer.out_features)
        case nn.Conv2d():
            return (layer.in_channels, layer.out_channels)
        case nn.LayerNorm():
            return tuple(layer.normalized_shape)
        case nn.BatchNorm2d():
            return (layer.num_features,)
    return ()


def _first_of(output: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """The hidden state that a block puts out, and how to put another in its place."""
    if isinstance(output, Tensor):
        return output, lambda changed: changed
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0], lambda changed: type(output)([changed, *output[1:]])
    raise ModelError(
        f"expected blocks that put out a tensor, or one first, got {type(output).__name__}"
    )


def _by_picture(output: Tensor, pictures: int, block: nn.Module) -> Tensor:
    """Rows of windows, tiles or packed patches, as one row of positions for each picture."""
    width = output.shape[-1]
    if output.numel() % (pictures * width):
        raise ModelError(
            f"expected as many positions for each of {pictures} pictures of one size, got "
            f"{tuple(output.shape)} out of {type(block).__name__}"
        )
    return output.reshape(pictures, -1, width)


def _in_own_precision(module: nn.Module, args: Any, kwargs: Any) -> Any:
    """The tower is in float32, whatever the rest of the model is in; hidden states we take."""
    weights = next(module.parameters())

    def cast(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(weights.device, weights.dtype if value.is_floating_point() else None)
        if isinstance(value, list | tuple):
            return type(value)(cast(one) for one in value)
        return value

    if kwargs.get("output_hidden_states"):
        kwargs = {**kwargs, "output_hidden_states": False}
    return tuple(cast(one) for one in args), {name: cast(one) for name, one in kwargs.items()}


def _calls(owner: Any, module: nn.Module, inputs: Inputs, *, masked: bool) -> Iterator[Call]:
    """The ways to have the tower called, best first."""
    ways: list[tuple[Any, dict[str, Any]]] = []
    for place in (owner, owner.base_model, getattr(owner, "model", None)):
        method = getattr(place, "get_image_features", None)
        if method is not None and module is not place:
            ways.append((method, _arguments(method, inputs)))
    ways.sort(key=lambda way: -len(way[1]))
    arguments = _arguments(module.forward, inputs)
    if not masked:
        arguments |= _reading_order(module, inputs)
    ways.append((module, arguments))
    for method, arguments in ways:
        if arguments:
            yield partial(method, **arguments)


def _arguments(method: Any, inputs: Inputs) -> dict[str, Any]:
    """Of the inputs those that a function takes, by its names; none where one is missing."""
    parameters = _parameters(method)
    chosen: dict[str, Any] = {}
    for place, (name, parameter) in enumerate(parameters.items()):
        given = [key for key in inputs if key == name] or [
            key for key in inputs if key.endswith(f"_{name}")
        ]
        if not given and place == 0 and "pixel_values" in inputs:
            given = ["pixel_values"]
        if given:
            chosen[name] = inputs[given[0]]
        elif parameter.default is inspect.Parameter.empty:
            return {}
    return chosen


def _parameters(method: Any) -> dict[str, inspect.Parameter]:
    """The named parameters of a function, in order."""
    return {
        name: parameter
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }


def _protected(call: Call, owner: Any, inputs: Inputs) -> None:
    try:
        call()
    except FAULTS as error:
        shapes = {
            name: tuple(value.shape) for name, value in inputs.items() if isinstance(value, Tensor)
        }
        raise ModelError(
            f"expected {type(owner).__name__} to take what its processor makes of pictures "
            f"({', '.join(f'{name} {shape}' for name, shape in shapes.items())}), got: "
            f"{first_line(error)}"
        ) from error


@contextmanager
def _unmasked(module: nn.Module) -> Iterator[None]:
    """No patch is left out, for a while."""
    config: Any = module.config
    before = config.mask_ratio
    config.mask_ratio = 0.0
    try:
        yield
    finally:
        config.mask_ratio = before


def _reading_order(module: nn.Module, inputs: Inputs) -> dict[str, Tensor]:
    """The noise by which such a tower sorts its patches, so that they stay as they are."""
    counts = (getattr(part, "num_patches", None) for part in module.modules())
    patches = next((count for count in counts if isinstance(count, int)), 0)
    weights = next(module.parameters())
    noise = torch.arange(patches, device=weights.device, dtype=weights.dtype)
    return {"noise": noise.expand(inputs.pictures, patches)}
