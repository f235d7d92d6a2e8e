"""JSON as its standard has it: no name twice in an object, no NaN.

Of a name that stands twice one reader keeps the first value and another the last, so that two of
them would see two files in one. Knows nothing of what is read.
"""

import json
from typing import Any, NoReturn


def read_json(text: str | bytes) -> Any:
    """The value in a JSON text.

    Args:
        text: as Unicode, or as UTF-8.

    Raises:
        ValueError: no JSON, a name that stands twice in an object, or NaN or an infinity.
        RecursionError: nested too deep.
    """
    written = text.decode("utf-8") if isinstance(text, bytes) else text
    return json.loads(written, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
