"""A file of JSON as records with their places: JSON lines, a list, or one object.

Lines end at line feeds alone; whatever else Unicode calls the end of a line is text. UTF-8 and
UTF-16 are read, with or without their mark. Knows nothing of what records hold.
"""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from sif.attacks.datasets.pair import excerpt
from sif.errors import UsageError
from sif.pictures.reading import place_of
from sif.plain_files import LARGE, read_file
from sif.vlm.plain_words import first_line

MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
PACKED: Final = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"))
"""How packed files begin, and what packed them."""
LISTS: Final = ("data", "train", "rows", "records", "examples", "samples")
"""Names that a list of records goes by in an object around it."""


class Record(NamedTuple):
    """What was read, and where it stands."""

    value: Any
    place: str


def read_records(path: Path) -> list[Record]:
    """The records of a file in their order; one that is all of it where it is no list of them.

    Raises:
        UsageError: no file, no text, or no JSON (says where).
    """
    text = _text(path)
    begun = text.lstrip(" \t\r\n")[:1]
    if begun == "[":
        return list(_listed(_whole(text, path), path))
    lines = [
        (number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
    ]
    if len(lines) == 1 or (path.suffix.lower() == ".json" and begun == "{"):
        try:
            return list(_listed(_whole(text, path), path))
        except UsageError:
            if len(lines) == 1:
                raise
    return [Record(*_line(line, path, number)) for number, line in lines]


def _text(path: Path) -> str:
    try:
        data = read_file(path, most=LARGE)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else first_line(error)
        raise UsageError(
            f"expected a JSONL file, a JSON list or parquet at {place_of(path)}: {reason}"
        ) from error
    encoding, data = next(
        ((name, data[len(mark) :]) for mark, name in MARKS if data.startswith(mark)),
        (_guessed(data[:4]), data),
    )
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if packer := next((name for head, name in PACKED if data.startswith(head)), None):
            raise UsageError(
                f"expected a JSONL file, a JSON list or parquet, got {place_of(path)}, which is "
                f"packed by {packer}; unpack it first"
            ) from error
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(
            f"expected a JSONL file, a JSON list or parquet, got {place_of(path)}, line {line} of "
            f"which is no {encoding.upper()} text; save it as UTF-8"
        ) from error


def _guessed(head: bytes) -> str:
    """Without a mark: JSON begins with two letters of ASCII."""
    if len(head) == 4 and head[1] == head[3] == 0 and head[0]:
        return "utf-16-le"
    if len(head) == 4 and head[0] == head[2] == 0 and head[1]:
        return "utf-16-be"
    return "utf-8"


def _whole(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _no_json(f"{place_of(path)}{line or ', line 1'}", text, error) from error
    except RecursionError as error:
        raise _no_json(f"{place_of(path)}, line 1", text, error) from error


def _line(text: str, path: Path, number: int) -> tuple[Any, str]:
    place = f"{place_of(path)}, line {number}"
    try:
        return json.loads(text), place
    except (ValueError, RecursionError) as error:
        raise _no_json(place, text, error) from error


def _no_json(place: str, text: str, error: Exception) -> UsageError:
    fault = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
    if isinstance(error, RecursionError):
        fault = "nested too deep"
    return UsageError(
        f"{place}: expected image, prompt and answer as JSON, got {excerpt(text)} ({fault}); mend "
        "or remove it"
    )


def _is_set(value: Any) -> bool:
    """Whether it is a list of records, and no field of one record."""
    return isinstance(value, list) and bool(value) and all(isinstance(it, dict) for it in value)


def _listed(value: Any, path: Path) -> Iterator[Record]:
    """The records of a list, also of one inside an object; else the one that it is."""
    if isinstance(value, dict):
        held = next((value[name] for name in LISTS if _is_set(value.get(name))), None)
        if held is None:
            yield Record(value, f"{place_of(path)}, line 1")
            return
        value = held
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        yield Record(item, f"{place_of(path)}, item {number}")
