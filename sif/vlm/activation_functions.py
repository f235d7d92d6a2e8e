"""What activation functions give out is computed again in the backward pass instead of being kept.

What goes into one is kept as well, so that in a gated block (SwiGLU) one table in three goes, for
next to no time; the numbers are the same to the bit. Modules with parameters, functions that are no
modules, and small models are let be. Knows nothing of losses.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef

LARGE: Final = 2**30
"""Bytes of a model's weights beyond which activations are worth the trouble."""
FUNCTIONS: Final = (nn.SiLU, nn.GELU, nn.ReLU, nn.Sigmoid, nn.Tanh)


class Again(NamedTuple):
    """What gives a tensor that was not kept: a module, and what went into it."""

    module: nn.Module
    given: Tensor
    version: int

    def compute(self) -> Tensor:
        """The tensor."""
        if self.given._version != self.version:
            raise RuntimeError(
                f"expected what went into {type(self.module).__name__} as it was, got it changed "
                "in place"
            )
        with torch.no_grad():
            value: Tensor = type(self.module).forward(self.module, self.given)
        return value


class Layout(NamedTuple):
    """How a tensor lies in its memory, and how often that was changed."""

    shape: torch.Size
    stride: tuple[int, ...]
    offset: int
    version: int

    @classmethod
    def of(cls, tensor: Tensor) -> "Layout":
        """The tensor's."""
        return cls(tensor.shape, tensor.stride(), int(tensor.storage_offset()), tensor._version)


@contextmanager
def computed_again(model: nn.Module) -> Iterator[None]:
    """Has a large model's forward pass keep nothing that an activation function gave out."""
    if sum(parameter.nbytes for parameter in model.parameters()) <= LARGE:
        yield
        return
    known: dict[StorageWeakRef, tuple[Layout, Again]] = {}

    def note(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        for gone in [storage for storage in known if storage.expired()]:
            del known[gone]
        if len(given) == 1 and isinstance(given[0], Tensor) and isinstance(output, Tensor):
            source = given[0].detach().to(output.device)
            again = Again(module, source, source._version)
            known[StorageWeakRef(output.untyped_storage())] = Layout.of(output), again

    def pack(tensor: Tensor) -> Tensor | Again:
        layout, again = known.get(StorageWeakRef(tensor.untyped_storage()), (None, None))
        return again if again is not None and layout == Layout.of(tensor) else tensor

    def unpack(kept: Tensor | Again) -> Tensor:
        return kept.compute() if isinstance(kept, Again) else kept

    with ExitStack() as stack:
        for module in filter(_is_function, model.modules()):
            stack.callback(module.register_forward_hook(note).remove)
        stack.enter_context(saved_tensors_hooks(pack, unpack))
        yield


def _is_function(module: nn.Module) -> bool:
    ours = isinstance(module, FUNCTIONS) or type(module).__module__ == "transformers.activations"
    changes = getattr(module, "inplace", False)
    return ours and not changes and not any(True for _ in module.parameters())
