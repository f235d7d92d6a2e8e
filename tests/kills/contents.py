"""What lies in a folder, in a form in which two runs of the same command can be compared."""

import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image
from safetensors.torch import load

# When something was done, and how long it took, differs from run to run.
CLOCKS = {"created", "asked_at", "seconds", "cost"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d| UTC)?")


def contents(room: Path) -> dict[str, Any]:
    """Every file by its name, with what it says but for times; fails at one that is cut short."""
    return {str(path.relative_to(room)): read(path) for path in sorted(files(room))}


def files(room: Path) -> Iterator[Path]:
    """Every file; those in which SQLite keeps what a killed process wrote belong to theirs."""
    for path in room.rglob("*"):
        if path.is_file() and not path.name.endswith(("-wal", "-shm")):
            yield path


def read(path: Path) -> Any:
    """What a file says."""
    if path.suffix == ".sqlite":
        return sorted(map(repr, rows(path, clocks=False)))
    if path.suffix == ".parquet":
        return [_timeless(row) for row in pq.read_table(path).to_pylist()]
    return _said(path.suffix, path.read_bytes())


def rows(path: Path, *, clocks: bool) -> set[tuple[Any, ...]]:
    """All rows of a journal, each with the name of its table."""
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        found = set()
        for (table,) in tables.fetchall():
            cursor = connection.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            for row in cursor:
                kept = zip(names, row, strict=True)
                found.add((table, *(x for name, x in kept if clocks or name not in CLOCKS)))
    connection.close()
    return found


def _said(suffix: str, data: bytes) -> Any:
    match suffix:
        case ".json":
            return _timeless(json.loads(data))
        case ".png":
            Image.open(io.BytesIO(data)).load()
        case ".safetensors":
            return _timeless(_metadata(data)), {
                name: one.tolist() for name, one in load(data).items()
            }
        case ".zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                assert archive.testzip() is None
                return sorted(archive.namelist())
        case ".md" | ".html" | ".txt" | ".svg":
            return MOMENT.sub("", data.decode())
    return data


def _metadata(safetensors: bytes) -> Any:
    length = int.from_bytes(safetensors[:8], "little")
    return json.loads(safetensors[8 : 8 + length]).get("__metadata__", {})


def _timeless(value: Any) -> Any:
    match value:
        case dict():
            return {key: _timeless(one) for key, one in value.items() if key not in CLOCKS}
        case list():
            return [_timeless(one) for one in value]
        case _:
            return value
