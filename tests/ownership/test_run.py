import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sif.errors import StorageError
from sif.ownership.policy import Policy
from sif.ownership.run import (
    JOURNAL,
    RECORD,
    VERDICT,
    RunRecord,
    open_run,
    read_record,
    read_verdict,
    write_verdict,
)
from sif.ownership.verdict import judge
from sif.suspects.journal import Journal
from sif.types import Answer, Query, Reply, Unanswered

THEIRS = RunRecord(fingerprint="/fp", suspect="hf:theirs abc", label="theirs", group="copy")


def test_a_run_is_read_back_as_it_was_written_and_opens_again(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "theirs"
    open_run(run, THEIRS)
    open_run(run, THEIRS)
    assert read_record(run) == THEIRS
    verdict = judge([], vocabulary_size=100, green_size=50, policy=Policy())
    write_verdict(run, verdict)
    assert read_verdict(run) == verdict


def _ask(run: Path, reply: Reply) -> None:
    query = Query(trigger="0001", image=Image.new("RGB", (4, 4)), prompt="What?")
    with Journal(run / JOURNAL) as journal:
        journal.record(THEIRS.suspect, [query], [reply])


@pytest.mark.parametrize("reply", [Answer(text="A cat."), Unanswered(reason="busy")])
@pytest.mark.parametrize("field", ["fingerprint", "suspect", "example"])
def test_a_run_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, field: str, reply: Reply
) -> None:
    open_run(tmp_path, THEIRS)
    _ask(tmp_path, reply)
    with pytest.raises(StorageError, match=f'{field}: .* then, "other" now.*another folder with'):
        open_run(tmp_path, THEIRS.model_copy(update={field: "other"}))
    assert read_record(tmp_path) == THEIRS


def test_a_run_that_asked_nothing_begins_anew_for_another_suspect(tmp_path: Path) -> None:
    typo = THEIRS.model_copy(update={"suspect": "openai:http://localhots"})
    open_run(tmp_path, typo)
    open_run(tmp_path, THEIRS)
    Journal(tmp_path / JOURNAL).close()
    open_run(tmp_path, typo)
    assert read_record(tmp_path) == typo


def test_a_counted_run_is_never_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "fp" / "claim").mkdir(parents=True)
    committed = THEIRS.model_copy(update={"fingerprint": str(tmp_path / "fp")})
    open_run(tmp_path / "run", committed)
    with pytest.raises(StorageError, match="name another folder with --run"):
        open_run(tmp_path / "run", committed.model_copy(update={"suspect": "other"}))


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (Policy(), Policy(transfer_allowance=0.3), "calibrated since.*with --no-calibration"),
        (
            Policy(transfer_allowance=0.25),
            Policy(transfer_allowance=0.3),
            "allowance 0.25, got .* 0.3: .*anew since.*with --transfer-allowance 0.25",
        ),
        (Policy(transfer_allowance=0.25), Policy(), "no calibration now.*-allowance 0.25"),
        (Policy(), Policy(alpha=1e-3), r"policy\.alpha: 1e-06 then, 0\.001 now"),
    ],
)
def test_other_rules_are_named(tmp_path: Path, then: Policy, now: Policy, words: str) -> None:
    open_run(tmp_path, THEIRS.model_copy(update={"policy": then}))
    _ask(tmp_path, Answer(text="A cat."))
    with pytest.raises(StorageError, match=f"the rules that .*{words}"):
        open_run(tmp_path, THEIRS.model_copy(update={"policy": now}))


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


@pytest.mark.parametrize(
    "change", [{"alpha": 2}, {"alpha": "x"}, {"repeats": 0}, {"tilts": []}, {"order": "mine"}]
)
def test_a_policy_that_is_none_in_run_json(tmp_path: Path, change: dict[str, Any]) -> None:
    record = RunRecord(fingerprint="fp", suspect="somebody", policy=Policy())
    content = json.loads(record.model_dump_json())
    content["policy"] |= change
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(StorageError, match=r"run\.json as `sif verify` writes it"):
        read_record(tmp_path)
