"""Sequences whose items are made when they are asked for, so that one at a time is in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

Made = TypeVar("Made", covariant=True)


@dataclass(frozen=True, slots=True)
class Lazy(Sequence[Made], Generic[Made]):
    """What `make` makes of each of some keys; parts of it are lazy too.

    Args:
        make: the item of a key, called anew whenever the item is asked for.
        keys: small things, such as paths.
    """

    make: Callable[[Any], Made]
    keys: Sequence[Any]

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, place: int) -> Made: ...
    @overload
    def __getitem__(self, place: slice) -> "Lazy[Made]": ...
    def __getitem__(self, place: int | slice) -> "Made | Lazy[Made]":
        """The item at a place, made now; or a part."""
        if isinstance(place, slice):
            return Lazy(self.make, self.keys[place])
        return self.make(self.keys[place])
