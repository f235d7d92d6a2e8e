"""The folder of one audit: run.json (who was asked, about what), verdict.json, answers.sqlite.

Knows nothing of pages or tables.
"""

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import StorageError
from sif.files import write_atomically
from sif.ownership.policy import Policy
from sif.ownership.verdict import Verdict

JOURNAL, RECORD, VERDICT = "answers.sqlite", "run.json", "verdict.json"
Group = Literal["copy", "innocent", "other"]

Model = TypeVar("Model", bound=BaseModel)


class RunRecord(BaseModel):
    """run.json: who was asked about which fingerprint.

    Attributes:
        fingerprint: its folder.
        suspect: the name under which the journal holds its answers.
        label: a short name for people.
        group: only sorts the report's table.
        example: description of another picture that stood before every prompt, if one did.
        policy: the rules, written down before the first question; none in runs of before they were.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    fingerprint: str
    suspect: str
    label: str = ""
    group: Group = "other"
    example: str | None = None
    policy: Policy | None = None


def open_run(run: Path, record: RunRecord) -> None:
    """Begins a run, or goes on with an interrupted one.

    Raises:
        StorageError: the folder holds a run of another fingerprint or suspect or under other rules,
            or something else.
    """
    path = run / RECORD
    if path.exists():
        begun = read_record(run)
        if begun == record:
            return
        if begun.model_copy(update={"policy": record.policy}) == record and begun.policy:
            raise StorageError(
                f"expected the rules that {run} was begun under, got others; they are fixed before "
                "the first question: use the same --alpha, --budget, --repeats and allowance, or "
                "ask anew into another folder with --run"
            )
        if begun.model_copy(update={"policy": record.policy}) != record:
            raise StorageError(
                f"expected in {run} the run that was begun there, got another fingerprint or "
                "suspect (or other weights, image attacks or example); name another folder with "
                "--run"
            )
        return
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise StorageError(f"expected a new folder or an earlier run, got {run}; name another")
    write_atomically(path, record.model_dump_json(indent=2))


def write_verdict(run: Path, verdict: Verdict) -> None:
    """Ends a run."""
    write_atomically(run / VERDICT, verdict.model_dump_json(indent=2))


def read_record(run: Path) -> RunRecord:
    """Whom a run asked, about which fingerprint.

    Raises:
        StorageError: not a run folder.
    """
    return _read(run / RECORD, RunRecord)


def read_verdict(run: Path) -> Verdict:
    """How a run ended.

    Raises:
        StorageError: not a run folder, or a run that was not finished.
    """
    return _read(run / VERDICT, Verdict)


def _read(path: Path, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StorageError(
            f"expected a finished run with {path.name} in {path.parent}, got none; "
            "name the folder given to `sif verify --run`, and let it finish"
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise StorageError(
            f"expected {path} as `sif verify` writes it, got something else; verify again"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
