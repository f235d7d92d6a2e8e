"""The journal of answers: an SQLite file that survives kill -9 and is read while it is written.

One row for each (suspect's name, query's digest). The first answer stands; failures are kept beside
them as a log and are asked again. The likeliest tokens of an answer lie in a table of their own,
which journals of before do not have and get when they are opened. Knows how answers are stored, not
how they are got.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

from sif.errors import StorageError
from sif.types import Answer, GenerationSettings, Query, Reply, Unanswered

SCHEMA_VERSION = 1
PATIENCE_SECONDS = 60.0
QUESTION = """
    suspect TEXT NOT NULL, digest TEXT NOT NULL, trigger TEXT NOT NULL, repeat INTEGER NOT NULL,
    prompt TEXT NOT NULL, settings TEXT NOT NULL, asked_at REAL NOT NULL"""
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)",
    f"""CREATE TABLE IF NOT EXISTS answers ({QUESTION},
    text TEXT NOT NULL, finish_reason TEXT, seconds REAL, PRIMARY KEY (suspect, digest))""",
    f"CREATE TABLE IF NOT EXISTS failures ({QUESTION}, reason TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS tops (suspect TEXT NOT NULL, digest TEXT NOT NULL,
    top TEXT NOT NULL, PRIMARY KEY (suspect, digest))""",
)

ANSWERS = "answers AS asked LEFT JOIN tops USING (suspect, digest)"
ANSWER = "text, finish_reason, seconds, top"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One row: what was asked of whom and when (seconds since 1970), and what came back."""

    suspect: str
    trigger: str
    repeat: int
    prompt: str
    generation: GenerationSettings
    asked_at: float
    reply: Reply


class Journal:
    """Answers on disk; several processes may read and write one journal at once.

    Args:
        path: of the SQLite file; made where it does not exist.

    Raises:
        StorageError: no journal, another version's journal, a damaged file, or no place for one.
    """

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
        except StorageError:
            self._connection.close()
            raise

    def replies(self, suspect: str, digests: Sequence[str]) -> dict[str, Answer]:
        """Those answers of a suspect that the journal holds, by the digest of the query."""
        found: dict[str, Answer] = {}
        with self._guarded():
            for digest in digests:
                row = self._connection.execute(
                    f"SELECT {ANSWER} FROM {ANSWERS} WHERE suspect = ? AND digest = ?",
                    (suspect, digest),
                ).fetchone()
                if row is not None:
                    found[digest] = _answer(*row)
        return found

    def record(self, suspect: str, queries: Sequence[Query], replies: Sequence[Reply]) -> None:
        """Writes replies; on return they are on the disk, all of them, or none where it raises.

        Raises:
            StorageError: the disk is full or refuses; what was recorded before stays.
        """
        with self._guarded(), self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for query, reply in zip(queries, replies, strict=True):
                    self._insert(suspect, query, reply)
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def answers(self, suspect: str | None = None) -> list[JournalEntry]:
        """Every answer, of one suspect or of all, in the order of asking."""
        return self._entries(ANSWERS, ANSWER, suspect)

    def failures(self, suspect: str | None = None) -> list[JournalEntry]:
        """Every failure to answer, of one suspect or of all, in the order of asking."""
        return self._entries("failures AS asked", "reason", suspect)

    def close(self) -> None:
        """Closes the file; the journal cannot be used afterwards."""
        self._connection.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        with self._guarded():
            tables = {row[0] for row in self._connection.execute("SELECT name FROM sqlite_master")}
            if tables and "schema_version" not in tables:
                raise StorageError(
                    f"expected a journal of answers in {self.path}, got another SQLite database; "
                    "name another file"
                )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in SCHEMA:
                    self._connection.execute(statement)
                if not self._versions():
                    self._connection.execute(
                        "INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,)
                    )
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            versions = self._versions()
        if versions != [SCHEMA_VERSION]:
            raise StorageError(
                f"expected version {SCHEMA_VERSION} of the journal in {self.path}, got "
                f"{', '.join(map(str, versions))}; use the SIF that wrote it or another file"
            )

    def _versions(self) -> list[int]:
        return [row[0] for row in self._connection.execute("SELECT version FROM schema_version")]

    def _insert(self, suspect: str, query: Query, reply: Reply) -> None:
        question = (
            suspect,
            query.digest,
            query.trigger,
            query.repeat,
            query.prompt,
            query.generation.model_dump_json(),
            time.time(),
        )
        match reply:
            case Answer(text=text, finish_reason=reason, seconds=seconds, top=top):
                written = self._connection.execute(
                    "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*question, text, reason, seconds),
                )
                if top is not None and written.rowcount:
                    self._connection.execute(
                        "INSERT INTO tops VALUES (?, ?, ?)",
                        (suspect, query.digest, json.dumps(top, ensure_ascii=False)),
                    )
            case Unanswered(reason=reason):
                self._connection.execute(
                    "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*question, reason)
                )

    def _entries(self, source: str, columns: str, suspect: str | None) -> list[JournalEntry]:
        with self._guarded():
            rows = self._connection.execute(
                f"SELECT suspect, trigger, repeat, prompt, settings, asked_at, {columns} "
                f"FROM {source} WHERE ? IS NULL OR suspect = ? ORDER BY asked.rowid",
                (suspect, suspect),
            ).fetchall()
        return [_entry(row) for row in rows]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"cannot use the journal {self.path}: {error}; check that it is a journal of "
                "answers, that its folder is writable and that the disk has room"
            ) from error


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    suspect, trigger, repeat, prompt, settings, asked_at, *outcome = row
    return JournalEntry(
        suspect=suspect,
        trigger=trigger,
        repeat=repeat,
        prompt=prompt,
        generation=GenerationSettings.model_validate_json(settings),
        asked_at=asked_at,
        reply=_reply(*outcome),
    )


def _reply(text: str, *rest: Any) -> Reply:
    """A failure's row ends with its reason; an answer's with four columns."""
    return _answer(text, *rest) if rest else Unanswered(reason=text)


def _answer(text: str, finish_reason: str | None, seconds: float | None, top: str | None) -> Answer:
    places = None if top is None else json.loads(top)
    return Answer(
        text=text,
        finish_reason=finish_reason,
        seconds=seconds,
        top=places and tuple(tuple((word, chance) for word, chance in place) for place in places),
    )
