import sqlite3
from pathlib import Path

import pytest
import torch

from sif.errors import StorageError
from sif.networks.output_journal import OutputJournal

INPUTS = list(torch.arange(6.0).view(3, 2))


def test_outputs_come_back_exactly_and_by_name(tmp_path: Path) -> None:
    said = torch.tensor([[0.1, torch.nan], [1 / 3, -torch.inf], [2.0, 3.0]])
    with OutputJournal(tmp_path / "a" / "j.sqlite") as journal:
        journal.record("one", INPUTS, said)
    with OutputJournal(tmp_path / "a" / "j.sqlite") as journal:
        known = journal.known("one", INPUTS[1:])
        assert journal.known("two", INPUTS) == {}
    assert sorted(known) == [0, 1]
    assert torch.equal(known[0], said[1])


def test_the_first_answer_stands(tmp_path: Path) -> None:
    with OutputJournal(tmp_path / "j.sqlite") as journal:
        journal.record("one", INPUTS, torch.zeros(3, 1))
        journal.record("one", INPUTS, torch.ones(3, 1))
        assert all(said.item() == 0 for said in journal.known("one", INPUTS).values())


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database" * 100)
    with pytest.raises(StorageError, match="cannot use the journal"):
        OutputJournal(tmp_path / "text")
    connection = sqlite3.connect(tmp_path / "other")
    connection.execute("CREATE TABLE things (a)")
    connection.close()
    with pytest.raises(StorageError, match="another SQLite database"):
        OutputJournal(tmp_path / "other")
