"""JSON as its standard has it: no name twice in an object, no NaN, and not without end.

Of a name that stands twice one reader keeps the first value and another the last, so that two of
them would see two files in one. Knows nothing of what is read.
"""

import json
from typing import Any, Final, NoReturn

MOST_VALUES: Final = 1_000_000


class ReadTwoWaysError(ValueError):
    """Readers differ in what this says, or whether it says anything."""


class TooDeepError(ValueError):
    """Lists in lists without end."""


class TooMuchError(ValueError):
    """So many values that reading them would take a machine's memory."""


def read_json(text: str | bytes, *, most: int = MOST_VALUES) -> Any:
    """The value in a JSON text.

    Args:
        text: as Unicode, or as UTF-8.
        most: values in it, counted by the signs that part them before any is read; a value takes
            up to fifty times the memory that its text does.

    Raises:
        ReadTwoWaysError: a name stands twice in an object, or there is NaN or an infinity.
        TooMuchError: more values than that.
        ValueError: no JSON at all.
        TooDeepError: nested too deep.
    """
    written = text.decode("utf-8") if isinstance(text, bytes) else text
    if (values := count_values(written)) > most:
        raise TooMuchError(f"expected at most {most:,} values, got about {values:,}")
    try:
        return json.loads(written, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise TooDeepError("nested too deep") from error


def count_values(text: str | bytes) -> int:
    """About how many values a JSON text has, by the signs that part them; nothing is read."""
    if isinstance(text, bytes):
        return sum(map(text.count, (b",", b"[", b"{")))
    return sum(map(text.count, ",[{"))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ReadTwoWaysError("a name stands twice in one object")
    return made


def _no_number(name: str) -> NoReturn:
    raise ReadTwoWaysError(f"{name} is no number of JSON")
