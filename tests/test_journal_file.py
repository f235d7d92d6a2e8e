"""What journals of every kind share."""

import sqlite3
from pathlib import Path

import pytest

from sif.errors import StorageError
from sif.journal_file import JournalFile
from sif.networks.output_journal import OutputJournal
from sif.suspects.journal import Journal


class Pets(JournalFile):
    kind = "journal of pets"
    version = 3
    version_table = "pets_version"
    tables = ("CREATE TABLE IF NOT EXISTS pets (name TEXT PRIMARY KEY)",)

    def record(self, *names: str) -> None:
        with self._transaction() as connection:
            for name in names:
                connection.execute("INSERT INTO pets VALUES (?)", (name,))

    def names(self) -> list[str]:
        return [name for (name,) in self._rows("SELECT name FROM pets")]


def test_what_is_written_together_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with Pets(tmp_path / "pets.sqlite") as pets:
        pets.record("Rex")
        with pytest.raises(StorageError, match="cannot use the journal of pets"):
            pets.record("Tom", "Rex")
        pets.record("Ada")
    with Pets(tmp_path / "pets.sqlite") as pets:
        assert pets.names() == ["Rex", "Ada"]


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pets.sqlite"
    Pets(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE pets_version SET version = 4")
    connection.close()
    with pytest.raises(StorageError, match=r"version 3 of the journal of pets .* got 4; use"):
        Pets(path)


@pytest.mark.parametrize(
    ("kind", "words"), [(Journal, "a journal of answers"), (OutputJournal, "a journal of outputs")]
)
def test_a_journal_of_another_kind_is_refused(
    tmp_path: Path, kind: type[JournalFile], words: str
) -> None:
    Pets(tmp_path / "pets.sqlite").close()
    with pytest.raises(StorageError, match=f"expected {words} in .*, got another SQLite database"):
        kind(tmp_path / "pets.sqlite")
