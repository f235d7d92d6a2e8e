"""Two devices on a machine without any: tensors of the CPU that say they are elsewhere.

Each holds ordinary numbers and says cpu:1 or cpu:2. What is computed of two places together fails,
as on GPUs, and `to` moves. Hooks, autograd, checkpointing and generation run as they are; streams,
kernels and memory of GPUs are not there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

HERE = torch.device("cpu")
PLACES = [torch.device("cpu", number) for number in (1, 2)]
MOVES = ("_to_copy", "copy_")
# As on GPUs, these take places of the CPU in a tensor.
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")


class Elsewhere(Tensor):
    """A tensor in a place."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor, place: torch.device) -> "Elsewhere":
        made: Elsewhere = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=place,
        )
        made.inner = inner
        return made

    @property
    def data(self) -> Tensor:  # type: ignore[override]
        return Elsewhere(self.inner.detach(), self.device)

    @data.setter
    def data(self, values: "Elsewhere") -> None:
        self.inner = values.inner

    def __repr__(self) -> str:  # type: ignore[override]
        return f"{self.inner} on {self.device}"

    def tolist(self) -> Any:
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, given: Any = (), named: Any = None
    ) -> Any:
        return run(function, given, named or {})


def run(function: Any, given: Any, named: dict[str, Any]) -> Any:
    """A function of tensors in one place, whose results are there too.

    Raises:
        RuntimeError: they are in several.
    """
    tensors = [it for it in tree_leaves((given, named)) if isinstance(it, Tensor)]
    placed = [it for it in tensors if isinstance(it, Elsewhere)]
    name = function._schema.name.split("::")[1]
    places = {it.device for it in placed}
    if placed and name not in (*MOVES, *INDEXING):
        places |= {HERE for it in tensors if not isinstance(it, Elsewhere) and it.dim()}
    if len(places) > 1 and name not in MOVES:
        raise RuntimeError(f"expected all tensors on the same device, got {places} in {name}")
    place = next(iter(places), None)
    if name == "copy_":
        place = given[0].device
    elif named.get("device") is not None:
        place, named = torch.device(named["device"]), {**named, "device": HERE}
    plain_given, plain_named = tree_map(
        lambda it: it.inner if isinstance(it, Elsewhere) else it, (given, named)
    )
    known = {id(it.inner): it for it in placed}

    def wrapped(value: Any) -> Any:
        if not isinstance(value, Tensor) or id(value) in known:
            return known.get(id(value), value)
        return Elsewhere(value, place) if place in PLACES else value

    return tree_map(wrapped, function(*plain_given, **plain_named))


class Dispatched(TorchDispatchMode):
    """What is made in a place, such as `torch.zeros(3, device="cpu:1")`, is there."""

    def __torch_dispatch__(
        self, function: Any, types: Any, given: Any = (), named: Any = None
    ) -> Any:
        return run(function, given, named or {})


class Listed(TorchFunctionMode):
    """What is made of lists, which no dispatcher sees, is there too."""

    def __torch_function__(
        self, function: Any, types: Any, given: Any = (), named: Any = None
    ) -> Any:
        if function is torch.tensor:  # reads single numbers, wherever they are
            given = tree_map(lambda it: it.item() if isinstance(it, Elsewhere) else it, given)
        made, wanted = function(*given, **(named or {})), (named or {}).get("device")
        place = HERE if wanted is None else torch.device(wanted)
        loose = isinstance(made, Tensor) and not isinstance(made, Elsewhere)
        return Elsewhere(made, place) if loose and place in PLACES else made


@contextmanager
def two_places() -> Iterator[None]:
    """Inside, cpu:1 and cpu:2 are devices of their own."""
    with Dispatched(), Listed():
        yield
