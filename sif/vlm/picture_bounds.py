"""Image processors of strangers: one that would blow a small picture up is refused before it does.

Its settings mean other things in each class, so it is not read but watched: the shape of every
tensor that it is about to make is asked on the meta device first. Knows no processor by name.
"""

import math
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from sif.errors import ModelError
from sif.vlm.foreign import READING

SHOWN: Final = ((448, 448), (56, 56), (448, 56))
"""Width and height in pixels of the pictures shown: an ordinary, a small, and a long one."""
MOST: Final = 2**26
"""Numbers in a tensor: ten times what the largest overview and tiles of known models hold."""
META: Final = torch.device("meta")


def refuse_blow_up(image_processor: Any, source: str | Path) -> None:
    """Shows grey pictures to an image processor.

    What fails for another reason is left to whoever uses the processor.

    Args:
        image_processor: of transformers.
        source: where it came from, for the message.

    Raises:
        ModelError: it makes more than `MOST` numbers of one of them.
    """
    for size in SHOWN:
        try:
            with _Watched():  # type: ignore[no-untyped-call, unused-ignore]
                image_processor(images=[Image.new("RGB", size, "grey")], return_tensors="pt")
        except _TooLargeError as error:
            raise ModelError(
                f"expected an image processor that makes at most {MOST:,} numbers of a picture of "
                f"{size[0]}x{size[1]}, got {type(image_processor).__name__} in {source}, which "
                f"asks for a tensor of {'x'.join(map(str, error.shape))}; take "
                "processor_config.json and preprocessor_config.json (size, min_pixels, crop_size) "
                "from the model's own release"
            ) from None
        except READING:
            continue


class _TooLargeError(Exception):
    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.shape = shape


class _Watched(TorchDispatchMode):
    """Raises before a tensor of more than `MOST` numbers is made."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        for shape in _shapes(func, args, options):
            if math.prod(shape) > MOST:
                raise _TooLargeError(shape)
        return func(*args, **options)


def _shapes(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> list[torch.Size]:
    """Of what an operation would make; none where that depends on the values."""

    def without_memory(value: Any) -> Any:
        if isinstance(value, Tensor):
            return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=META)
        return value

    given = tree_map(without_memory, options)
    if any(argument.name == "device" for argument in func._schema.arguments):
        given["device"] = META
    try:
        made = func(*tree_map(without_memory, args), **given)
    except READING:
        return []
    return [leaf.shape for leaf in tree_leaves(made) if isinstance(leaf, Tensor)]
