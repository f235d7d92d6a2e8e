"""A question about a picture as it was read, and what may be wrong with a record of it.

Knows no file formats.
"""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

from sif.errors import UsageError
from sif.visible import quoted

LONGEST_WORD: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prompt about a picture.

    Attributes:
        image: the picture's file, or what is in it.
        prompt: plain words; may be none.
        answer: what belongs to it; None where it was not asked for.
        place: file and line, or number of the record, for messages.
    """

    image: Path | bytes
    prompt: str
    answer: str | None
    place: str


class PassedOver(Exception):  # noqa: N818
    """A record that is meant for something else; says in a few words what it is."""


class FaultError(UsageError):
    """What is wrong with a record, without its place."""


def words_of(value: Any, field: str, *, blank: bool) -> str:
    """A text of a record; numbers are the words that they are written with.

    Args:
        value: as it was read.
        field: its name, for messages.
        blank: whether it may hold no words.

    Raises:
        FaultError: no text, one without words where it needs some, or half a character.
    """
    if isinstance(value, float) and not isfinite(value):
        value = None  # as tables write that there is nothing
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(value)
    if not isinstance(value, str) or not (blank or value.strip()):
        kind = "null" if value is None else type(value).__name__
        got = "none" if isinstance(value, str) else kind
        raise FaultError(f"expected words as {field!r}, got {got}; fill it in, or remove it")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(value[error.start]):04x}"
        raise FaultError(
            f"expected whole characters in {field!r}, got half of one (a lone surrogate, {half}); "
            "write it whole, or remove it"
        ) from error
    return value


def excerpt(value: Any) -> str:
    """The first few letters of something, fit to be shown."""
    return quoted(value, longest=LONGEST_WORD)
