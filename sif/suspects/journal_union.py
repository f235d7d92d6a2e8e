"""Several journals of answers made one: every row of each, in the order of asking.

Reads journals that somebody else may have written; writes a new one only. Knows nothing of who kept
them, or why.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sif.errors import StorageError
from sif.suspects.journal import Journal
from sif.visible import visible

BESIDE: Final = ("-wal", "-shm")
"""Ends of the names of files that SQLite leaves beside one that was not closed."""
# What tells a row of each table from any other, and how many columns it has.
TABLES: Final = {"answers": 10, "failures": 8, "tops": 3, "concessions": 3}
Row = tuple[Any, ...]


class _Rows(Journal):
    """A journal, row by row as it lies there."""

    def all_of(self, table: str) -> list[Row]:
        """Every row of a table."""
        return self._rows(f"SELECT * FROM {table}")

    def put(self, table: str, rows: Sequence[Row]) -> None:
        """Writes rows, all or none."""
        marks = ", ".join("?" * TABLES[table])
        with self._transaction() as connection:
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def join_journals(sources: Sequence[Path], place: Path, *, room: Path) -> None:
    """Writes a journal with the answers of all others.

    Args:
        sources: their files, read as copies, so that nothing beside them changes.
        place: of the new journal.
        room: an empty folder, for copies.

    Raises:
        StorageError: one is damaged, or two hold other answers to the same question.
    """
    answers: dict[tuple[object, object], tuple[Row, Path]] = {}
    besides: dict[str, dict[tuple[object, object], Row]] = {"tops": {}, "concessions": {}}
    failures: dict[Row, None] = {}
    for number, source in enumerate(sources):
        with _Rows(_copied(source, room / str(number))) as kept:
            kept.answers(), kept.failures()  # of every row it is made sure that it is one
            for row in kept.all_of("answers"):
                (before, file) = answers.setdefault((row[0], row[1]), (row, source))
                if before[7:9] != row[7:9]:
                    raise StorageError(
                        f"expected one answer of {visible(str(row[0]))} to each question, got two "
                        f"about trigger {visible(str(row[2]))}: in {file} and in {source}; "
                        "leave one of the two folders out"
                    )
                if before is row:
                    for table, found in besides.items():
                        found |= _beside(kept, table, row[:2])
            failures |= dict.fromkeys(kept.all_of("failures"))
    with _Rows(place) as whole:
        whole.put("answers", sorted((row for row, _ in answers.values()), key=_asked_at))
        whole.put("failures", sorted(failures, key=_asked_at))
        for table, found in besides.items():
            whole.put(table, [*found.values()])


def _asked_at(row: Row) -> float:
    return float(row[6])


def _beside(kept: _Rows, table: str, key: Row) -> dict[tuple[object, object], Row]:
    statement = f"SELECT * FROM {table} WHERE suspect = ? AND digest = ?"
    return {(row[0], row[1]): row for row in kept._rows(statement, key)}


def _copied(source: Path, place: Path) -> Path:
    """A copy with what SQLite left beside it."""
    shutil.copyfile(source, place)
    for end in BESIDE:
        beside = source.with_name(source.name + end)
        if beside.is_file() and not beside.is_symlink():
            shutil.copyfile(beside, place.with_name(place.name + end))
    return place
