import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.command import Run, assert_one_line

NAMES = ["sibling-b", "tower", "tower-projector", "lower-half", "all-but-last"]
RAISED = [f"{name}-1" for name in NAMES[1:]]


@pytest.mark.slow
def test_relatives_are_raised_once_and_asked_whatever_triggers_are_there(
    sif: Run, tmp_path: Path
) -> None:
    out = tmp_path / "s"
    command = ("bench", "sharing", "--out", out, "--set", "triggers=2", "--set", "steps=1", "--set")
    code, said, error = sif(*command, "methods=sif@steps=2")
    assert code == 0, error
    table = (out / "summary.md").read_text()
    assert table.strip() in said
    assert "training all-but-last, captions: 1 of 1" in error
    assert (out / "sharing.svg").is_file()
    everybody = [*NAMES, "full-same", "source"]
    truths = pq.read_table(out / "truths.parquet").to_pylist()
    assert [row["relative"] for row in truths] == everybody
    assert [row["share"] for row in truths] == sorted(row["share"] for row in truths)
    facts = {row["relative"]: row["facts"] for row in truths}
    assert min(facts["sibling-b"], facts["full-same"], facts["source"]) > 0.95
    assert facts["tower"] < 0.5  # one step teaches nothing
    answers = pq.read_table(out / "answers.parquet").to_pylist()
    assert [row["suspect"] for row in answers] == [name for name in everybody for _ in range(2)]

    folders = out / "llava" / "relatives"
    assert sorted(path.name for path in folders.iterdir()) == sorted(RAISED)
    before = {name: (folders / name / "relative.json").stat().st_mtime_ns for name in RAISED}
    shutil.rmtree(folders / "lower-half-1")
    shutil.rmtree(out / "llava" / "fingerprints")
    code, again, error = sif(*command, "methods=sif@steps=1")
    assert code == 0, error
    assert "## sif@steps=1" in again
    assert "training lower-half" in error
    assert "training tower" not in error
    after = {name: (folders / name / "relative.json").stat().st_mtime_ns for name in RAISED}
    assert {name for name in RAISED if after[name] != before[name]} == {"lower-half-1"}

    code, same, error = sif(*command, "methods=sif@steps=1")
    assert (code, same) == (0, again)
    (folders / "tower-1" / "relative.json").write_text("{}")
    code, _, error = sif(*command, "methods=sif@steps=1")
    assert code == 1
    assert_one_line(error, "tower-1", "run the same command again")


def test_methods_without_green_lists_are_refused_before_anything_is_made(
    sif: Run, tmp_path: Path
) -> None:
    out = tmp_path / "s"
    code, _, error = sif("bench", "sharing", "--out", out, "--set", "methods=sif,rna")
    assert code == 2
    assert_one_line(error, "green lists", "rna")
    assert not out.exists()
