"""Two devices on a machine without any: tensors of the CPU that say they are elsewhere.

Each holds ordinary numbers and says cpu:1 or cpu:2; what is computed of two places together fails
as on GPUs, and `to` moves. Hooks, autograd, checkpointing and generation run as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

HERE = torch.device("cpu")
FREE = ("_to_copy", "copy_")


def is_place(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cpu" and bool(
        torch.device(device).index
    )


class Elsewhere(Tensor):
    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor, place: torch.device) -> "Elsewhere":
        made: Elsewhere = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=place,
            requires_grad=False,
        )
        made.inner = inner
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"{self.inner} on {self.device}"

    @property
    def data(self) -> Tensor:  # type: ignore[override]
        return Elsewhere(self.inner.detach(), self.device)

    @data.setter
    def data(self, values: "Elsewhere") -> None:
        self.inner = values.inner

    def tolist(self) -> Any:
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(function, args, kwargs or {})


def run(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    found: list[Tensor] = []
    def look(value: Any) -> Any:
        if isinstance(value, Tensor):
            found.append(value)
        return value
    tree_map(look, (args, kwargs))
    name = function._schema.name.split("::")[1]
    wanted = kwargs.get("device")
    places = {it.device for it in found if isinstance(it, Elsewhere)}
    loose = [it for it in found if not isinstance(it, Elsewhere) and it.dim()]
    if name not in FREE:
        if len(places) > 1 or (places and loose and name not in ("index", "_index_put_impl_", "index_put_", "index_put")):
            raise RuntimeError(
                f"expected all tensors on the same device, got {places} and {len(loose)} on the CPU in {name}"
            )
    place = next(iter(places), None)
    if name == "copy_":
        place = args[0].device if isinstance(args[0], Elsewhere) else None
    elif wanted is not None:
        place = torch.device(wanted) if is_place(wanted) else None
    bare = lambda value: value.inner if isinstance(value, Elsewhere) else value
    plain = tree_map(bare, (args, kwargs))
    if wanted is not None:
        plain[1]["device"] = HERE
    output = function(*plain[0], **plain[1])
    known = {id(it.inner): it for it in found if isinstance(it, Elsewhere)}
    def wrapped(value: Any) -> Any:
        if not isinstance(value, Tensor) or isinstance(value, Elsewhere):
            return value
        if id(value) in known:
            return known[id(value)]
        return value if place is None else Elsewhere(value, place)
    return tree_map(wrapped, output)


class Factories(TorchDispatchMode):
    """Tensors that are made with a place, such as `torch.zeros(3, device="cpu:1")`, are there."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(function, args, kwargs or {})


class Made(TorchFunctionMode):
    """What is made of lists, which no dispatcher sees."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        place = (kwargs or {}).get("device")
        plain = isinstance(made, Tensor) and not isinstance(made, Elsewhere)
        return Elsewhere(made, torch.device(place)) if plain and is_place(place) else made


@contextmanager
def two_places() -> Iterator[None]:
    """Inside, cpu:1 and cpu:2 are devices of their own."""
    with Factories(), Made():
        yield
