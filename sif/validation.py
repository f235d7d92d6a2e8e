"""The first fault that pydantic finds, in words. Knows nothing of what was read."""

from typing import Any, NamedTuple

from pydantic import ValidationError


class Fault(NamedTuple):
    """What is wrong with a value.

    Attributes:
        where: names and places on the way to it, joined by dots; empty for the whole.
        what: is wrong, beginning with a small letter.
        got: the value.
    """

    where: str
    what: str
    got: Any


def first_fault(error: ValidationError) -> Fault:
    """The first of an error's faults."""
    first = error.errors()[0]
    message = first["msg"]
    return Fault(
        where=".".join(map(str, first["loc"])),
        what=message[:1].lower() + message[1:],
        got=first["input"],
    )
