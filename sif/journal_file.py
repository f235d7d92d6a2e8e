"""An SQLite file of rows that survives kill -9 and is read while it is written.

Knows nothing of what the rows hold.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, ClassVar, Final, TypeVar

from sif.errors import StorageError

PATIENCE_SECONDS: Final = 60.0
# What becomes of rows whose bytes were changed: texts that are none, numbers where words belong.
STRANGE: Final = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
J = TypeVar("J", bound="JournalFile")
R = TypeVar("R")


class JournalFile:
    """What journals of every kind share; several processes may read and write one at once.

    Args:
        path: of the SQLite file; made where it does not exist.

    Attributes:
        kind: what messages call it, for example "journal of answers".
        version: of the tables.
        version_table: the one that holds the version, and by which a file of this kind is known.
        tables: statements that make the others where they are missing.

    Raises:
        StorageError: another file, another version, a damaged file, or no place for one.
    """

    kind: ClassVar[str]
    version: ClassVar[int]
    version_table: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = Lock()
        with self._guarded():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self.path, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare()
        except BaseException:  # or the file would stay locked
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the file; the journal cannot be used afterwards."""
        self._connection.close()

    def __enter__(self: J) -> J:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows that a statement finds."""
        return self._read(lambda *row: row, statement, values)

    def _read(self, make: Callable[..., R], statement: str, values: Sequence[Any] = ()) -> list[R]:
        """What is made of the columns of each row that a statement finds.

        Raises:
            StorageError: the file is damaged, or a row holds something else.
        """
        with self._guarded():
            try:
                return [make(*row) for row in self._connection.execute(statement, values)]
            except STRANGE as error:
                raise StorageError(
                    f"the {self.kind} {self.path} is damaged: a row in it is none "
                    f"({type(error).__name__}); restore it from a copy or name another place"
                ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Around what is written together: on the disk at the end, or nothing of it."""
        with self._guarded(), self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _prepare(self) -> None:
        there = {name for (name,) in self._rows("SELECT name FROM sqlite_master")}
        if there and self.version_table not in there:
            raise StorageError(
                f"expected a {self.kind} in {self.path}, got another SQLite database; "
                "name another place"
            )
        with self._guarded():
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        with self._transaction() as connection:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {self.version_table} (version INTEGER NOT NULL)"
            )
            for statement in self.tables:
                connection.execute(statement)
            if not self._versions():
                connection.execute(f"INSERT INTO {self.version_table} VALUES (?)", (self.version,))
        versions = self._versions()
        if versions != [self.version]:
            raise StorageError(
                f"expected version {self.version} of the {self.kind} in {self.path}, got "
                f"{', '.join(map(str, versions))}; use the SIF that wrote it or name another place"
            )

    def _versions(self) -> list[int]:
        return [version for (version,) in self._rows(f"SELECT version FROM {self.version_table}")]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"cannot use the {self.kind} {self.path}: {error}; check that it is one, that its "
                "folder is writable and that the disk has room"
            ) from error
