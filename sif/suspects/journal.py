"""The journal of answers: an SQLite file that survives kill -9 and is read while it is written.

One row for each (suspect's name, query's digest). The first answer stands; failures are kept beside
them as a log and are asked again. Times rise from row to row, whatever the clock does: they say in
which order rows were written. The likeliest tokens of an answer lie in a table of their own,
and so does what its suspect would not take of the settings; journals of before do not have them and
get them when they are opened. Knows how answers are stored, not how they are got.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sif.journal_file import JournalFile
from sif.types import Answer, GenerationSettings, Query, Reply, Unanswered

QUESTION = """
    suspect TEXT NOT NULL, digest TEXT NOT NULL, trigger TEXT NOT NULL, repeat INTEGER NOT NULL,
    prompt TEXT NOT NULL, settings TEXT NOT NULL, asked_at REAL NOT NULL"""
TABLES = (
    f"""CREATE TABLE IF NOT EXISTS answers ({QUESTION},
    text TEXT NOT NULL, finish_reason TEXT, seconds REAL, PRIMARY KEY (suspect, digest))""",
    f"CREATE TABLE IF NOT EXISTS failures ({QUESTION}, reason TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS tops (suspect TEXT NOT NULL, digest TEXT NOT NULL,
    top TEXT NOT NULL, PRIMARY KEY (suspect, digest))""",
    """CREATE TABLE IF NOT EXISTS concessions (suspect TEXT NOT NULL, digest TEXT NOT NULL,
    conceded TEXT NOT NULL, PRIMARY KEY (suspect, digest))""",
)

ANSWERS = """answers AS asked LEFT JOIN tops USING (suspect, digest)
    LEFT JOIN concessions USING (suspect, digest)"""
ANSWER = "text, finish_reason, seconds, top, conceded"
TICK = 1e-6
"""Seconds by which a row is later than the one before it, where the clock does not say more."""


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


class Journal(JournalFile):
    """Answers on disk; several processes may read and write one journal at once."""

    kind: ClassVar = "journal of answers"
    version: ClassVar = 1
    version_table: ClassVar = "schema_version"
    tables: ClassVar = TABLES

    def replies(self, suspect: str, digests: Sequence[str]) -> dict[str, Answer]:
        """Those answers of a suspect that the journal holds, by the digest of the query."""
        statement = f"SELECT {ANSWER} FROM {ANSWERS} WHERE suspect = ? AND digest = ?"
        return {
            digest: answer
            for digest in digests
            for answer in self._read(_answer, statement, (suspect, digest))
        }

    def record(self, suspect: str, queries: Sequence[Query], replies: Sequence[Reply]) -> None:
        """Writes replies; on return they are on the disk, all of them, or none where it raises.

        Raises:
            StorageError: the disk is full or refuses; what was recorded before stays.
        """
        with self._transaction() as connection:
            for query, reply in zip(queries, replies, strict=True):
                _insert(connection, suspect, query, reply, _now(connection))

    def known(self) -> list[tuple[str, str]]:
        """Whose answers there are, and to which questions, by their digests."""
        rows = self._rows("SELECT suspect, digest FROM answers")
        return [(_text(suspect), _text(digest)) for suspect, digest in rows]

    def answers(self, suspect: str | None = None) -> list[JournalEntry]:
        """Every answer, of one suspect or of all, in the order of asking."""
        return self._entries(ANSWERS, ANSWER, suspect)

    def failures(self, suspect: str | None = None) -> list[JournalEntry]:
        """Every failure to answer, of one suspect or of all, in the order of asking."""
        return self._entries("failures AS asked", "reason", suspect)

    def _entries(self, source: str, columns: str, suspect: str | None) -> list[JournalEntry]:
        return self._read(
            _entry,
            f"SELECT suspect, trigger, repeat, prompt, settings, asked_at, {columns} "
            f"FROM {source} WHERE ? IS NULL OR suspect = ? ORDER BY asked.rowid",
            (suspect, suspect),
        )


def _now(connection: sqlite3.Connection) -> float:
    """The time for the next row: later than any before it, though the clock be set back."""
    last: list[float] = [
        row[0]
        for table in ("answers", "failures")
        for row in connection.execute(
            f"SELECT asked_at FROM {table} ORDER BY rowid DESC LIMIT 1"
        ).fetchall()
    ]
    return max([time.time(), *(at + TICK for at in last)])


def _insert(
    connection: sqlite3.Connection, suspect: str, query: Query, reply: Reply, now: float
) -> None:
    question = (
        suspect,
        query.digest,
        query.trigger,
        query.repeat,
        query.prompt,
        query.generation.model_dump_json(),
        now,
    )
    match reply:
        case Answer(text=text, finish_reason=reason, seconds=seconds, top=top, concessions=words):
            written = connection.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*question, text, reason, seconds),
            )
            if top is not None and written.rowcount:
                connection.execute(
                    "INSERT INTO tops VALUES (?, ?, ?)",
                    (suspect, query.digest, json.dumps(top, ensure_ascii=False)),
                )
            if words and written.rowcount:
                connection.execute(
                    "INSERT INTO concessions VALUES (?, ?, ?)",
                    (suspect, query.digest, json.dumps(words)),
                )
        case Unanswered(reason=reason):
            connection.execute(
                "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*question, reason)
            )


def _entry(
    suspect: str,
    trigger: str,
    repeat: int,
    prompt: str,
    settings: str,
    asked_at: float,
    *outcome: Any,
) -> JournalEntry:
    if not (isinstance(repeat, int) and isinstance(asked_at, float)):
        raise TypeError("numbers")
    return JournalEntry(
        suspect=_text(suspect),
        trigger=_text(trigger),
        repeat=repeat,
        prompt=_text(prompt),
        generation=GenerationSettings.model_validate_json(settings),
        asked_at=asked_at,
        reply=_reply(*outcome),
    )


def _text(value: object) -> str:
    """A text from the file, where another type may stand in any column."""
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def _reply(text: str, *rest: Any) -> Reply:
    """A failure's row ends with its reason; an answer's with five columns."""
    return _answer(text, *rest) if rest else Unanswered(reason=_text(text))


def _answer(
    text: str,
    finish_reason: str | None,
    seconds: float | None,
    top: str | None,
    conceded: str | None,
) -> Answer:
    places = None if top is None else json.loads(top)
    return Answer(
        text=_text(text),
        finish_reason=None if finish_reason is None else _text(finish_reason),
        seconds=None if seconds is None else float(seconds),
        top=places and tuple(tuple((word, chance) for word, chance in place) for place in places),
        concessions=() if conceded is None else tuple(json.loads(conceded)),
    )
