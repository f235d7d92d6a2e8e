from collections.abc import Callable
from pathlib import Path

import pytest

from sif.errors import StorageError
from sif.ownership.policy import Policy
from sif.ownership.run import (
    RECORD,
    VERDICT,
    RunRecord,
    open_run,
    read_record,
    read_verdict,
    write_verdict,
)
from sif.ownership.verdict import judge

THEIRS = RunRecord(fingerprint="/fp", suspect="hf:theirs abc", label="theirs", group="copy")


def test_a_run_is_read_back_as_it_was_written_and_opens_again(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "theirs"
    open_run(run, THEIRS)
    open_run(run, THEIRS)
    assert read_record(run) == THEIRS
    verdict = judge([], vocabulary_size=100, green_size=50, policy=Policy())
    write_verdict(run, verdict)
    assert read_verdict(run) == verdict


@pytest.mark.parametrize("field", ["fingerprint", "suspect", "example"])
def test_a_run_of_something_else_is_refused_and_left_alone(tmp_path: Path, field: str) -> None:
    open_run(tmp_path, THEIRS)
    with pytest.raises(StorageError, match="name another folder with --run"):
        open_run(tmp_path, THEIRS.model_copy(update={field: "other"}))
    assert read_record(tmp_path) == THEIRS


def _other_content(run: Path) -> None:
    run.mkdir()
    (run / "thesis.tex").write_text("mine")


def _a_file(run: Path) -> None:
    run.write_text("mine")


@pytest.mark.parametrize("occupy", [_other_content, _a_file])
def test_a_place_that_is_taken_is_refused(tmp_path: Path, occupy: Callable[[Path], None]) -> None:
    occupy(tmp_path / "run")
    with pytest.raises(StorageError, match="new folder or an earlier run"):
        open_run(tmp_path / "run", THEIRS)


def test_an_unfinished_and_a_damaged_run_are_told_apart(tmp_path: Path) -> None:
    open_run(tmp_path, THEIRS)
    with pytest.raises(StorageError, match="let it finish"):
        read_verdict(tmp_path)
    (tmp_path / VERDICT).write_text('{"decision": "guilty"}')
    with pytest.raises(StorageError, match="got something else; verify again"):
        read_verdict(tmp_path)
    (tmp_path / RECORD).write_bytes(b"\xff\xfe")
    with pytest.raises(StorageError, match="got something else; verify again"):
        read_record(tmp_path)
