"""What models share: their first fault in words, and how fields that came later are written.

Knows nothing of what was read.
"""

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


def without_default(written: dict[str, Any], **later: Any) -> dict[str, Any]:
    """What a model wrote down, without later fields that say what was so before there were any.

    Files of before, and what is computed again of them, stay the same to the byte.

    Args:
        written: by name.
        later: fields, with what their absence means.
    """
    return {
        name: value for name, value in written.items() if name not in later or value != later[name]
    }
