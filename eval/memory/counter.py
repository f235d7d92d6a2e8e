"""Bytes of the tensors that are alive while code runs: now, and at most.

Counts every storage once, from the operation that makes it until nothing holds it any more, the
backward pass included. Without values, weights and all that comes of them have a shape only: models
of any size run in seconds; pictures, ids and masks are there as ever, and attention is counted as
the kernel that never holds its table. Does not know what a kernel uses inside, nor what an
allocator wastes.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

LARGE: Final = 2**20
"""Random numbers that are not drawn where there are no values; fewer in the shape of a weight are
not either, as those of pictures must be."""


class MemoryCounter(TorchDispatchMode):
    """Counts while it is entered.

    Args:
        values: whether everything has values; else weights are to be emptied.
    """

    def __init__(self, *, values: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._shapes = None if values else FakeTensorMode(allow_non_fake_inputs=True)
        self._weights: set[torch.Size] = set()
        self._known: dict[int, weakref.ref[Any]] = {}
        self.live = 0
        self.peak = 0

    def hold(self, model: nn.Module) -> None:
        """Counts a model's weights and buffers."""
        for tensor in (*model.parameters(), *model.buffers()):
            self._count(tensor)

    def empty(self, model: nn.Module) -> None:
        """Puts shapes in the place of a model's weights, which may be on the meta device."""
        made: dict[int, nn.Parameter] = {}
        for module in model.modules():
            for name, weight in module._parameters.items():
                if weight is not None:
                    shape = self._shape_of(weight)
                    self._weights.add(weight.shape)
                    made.setdefault(id(weight), nn.Parameter(shape, requires_grad=False))
                    module._parameters[name] = made[id(weight)]
            for name, buffer in module._buffers.items():
                if buffer is not None and buffer.is_floating_point():
                    module._buffers[name] = self._shape_of(buffer)
                elif buffer is not None and buffer.is_meta:
                    module._buffers[name] = torch.zeros(buffer.shape, dtype=buffer.dtype)

    def _shape_of(self, tensor: Tensor) -> Tensor:
        assert self._shapes is not None, "expected a counter without values"
        with self._shapes:
            return torch.empty(tensor.shape, dtype=tensor.dtype)

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one operation and counts what it made."""
        named = dict(kwargs or {})
        output = self._run(func, args, named)
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor):
                self._count(leaf)
        return output

    def _run(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if self._shapes is None:
            return func(*args, **named)
        drawn = func is torch.ops.aten.randn.generator and (
            prod(args[0]) > LARGE or torch.Size(args[0]) in self._weights
        )
        if not drawn and not any(isinstance(it, FakeTensor) for it in tree_leaves((args, named))):
            return func(*args, **named)
        if drawn:
            func = torch.ops.aten.randn.default
            named.pop("generator")
        if func is torch.ops.aten.index.Tensor:
            args = (args[0], [place for index in args[1] for place in _places(index)])
        with self._shapes:
            return func(*args, **named)

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()

        def gone(_storage: Any) -> None:
            self._known.pop(key, None)
            self.live -= size

        self._known[key] = weakref.ref(storage, gone)
        self.live += size
        self.peak = max(self.peak, self.live)


def _places(index: Any) -> list[Any]:
    """Where a mask with values is true; any other index as it is."""
    if isinstance(index, FakeTensor) or getattr(index, "dtype", None) != torch.bool:
        return [index]
    return list(index.nonzero(as_tuple=True))
