"""One of several shares of a work, as `--shard 2/5` says it. Knows nothing of the work."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from sif.errors import UsageError

T = TypeVar("T")
WRITTEN: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
MOST: Final = 100_000


class Shard(NamedTuple):
    """Share `number` of `of`, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """As it is typed.

        Raises:
            UsageError: not a number from 1 to how many there are.
        """
        found = WRITTEN.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]) <= MOST:
            raise UsageError(
                f"--shard: expected I/N with I from 1 to N, such as 2/5, got {ascii(text)[:40]}"
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, place: int) -> bool:
        """Whether the part at a place, from 0, belongs to it."""
        return place % self.of == self.number - 1

    def among(self, parts: Sequence[T]) -> list[T]:
        """Its parts of all."""
        return [part for place, part in enumerate(parts) if self.has(place)]
