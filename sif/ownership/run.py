"""The folder of one audit: run.json (who was asked, about what), verdict.json, answers.sqlite.

Where base pictures were asked too, their answers are in control.sqlite. Knows nothing of pages or
tables.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.difference import differences
from sif.errors import StorageError, UsageError
from sif.files import write_atomically
from sif.fingerprint.folder import CLAIM
from sif.ownership.policy import Policy
from sif.ownership.verdict import Verdict
from sif.plain_files import read_text_file
from sif.staging import sweep
from sif.suspects.kept import KeptAnswers

JOURNAL, RECORD, VERDICT = "answers.sqlite", "run.json", "verdict.json"
CONTROL_JOURNAL = "control.sqlite"
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
        batch: which triggers of a claim were asked, from 1; none where it has no batches.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    fingerprint: str
    suspect: str
    label: str = ""
    group: Group = "other"
    example: str | None = None
    policy: Policy | None = None
    batch: int | None = Field(default=None, ge=1)

    @property
    def text(self) -> str:
        """The file; a batch stands in it only where there is one, as runs of before have none."""
        return self.model_dump_json(indent=2, exclude={"batch"} if self.batch is None else None)


def open_run(run: Path, record: RunRecord) -> None:
    """Begins a run, or goes on with an interrupted one.

    What was begun for another record, and has asked nothing yet, is begun anew for this one; not
    where the fingerprint was committed to, whose runs are counted before they begin.

    Raises:
        StorageError: the folder holds a run of another fingerprint or suspect or under other rules,
            or something else.
    """
    path = run / RECORD
    if path.exists():
        begun = read_record(run)
        if _goes_on(begun, record):
            return
        if not _asked_nothing(run) or _is_counted(begun) or _is_counted(record):
            raise StorageError(_refusal(run, begun, record))
        write_atomically(path, record.text)
        return
    sweep(run)
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise StorageError(f"expected a new folder or an earlier run, got {run}; name another")
    write_atomically(path, record.text)


def _goes_on(begun: RunRecord, record: RunRecord) -> bool:
    """Whether it is the same run; one of before rules were written down has any rules."""
    rules = {} if begun.policy else {"policy": record.policy}
    return begun.model_copy(update=rules) == record


def _asked_nothing(run: Path) -> bool:
    """Whether a run that was begun holds no answer, failure or verdict."""
    if (run / VERDICT).exists():
        return False
    if not (run / JOURNAL).exists():
        return True
    with KeptAnswers(run / JOURNAL) as kept:
        return not kept.answers() and not kept.failures()


def _is_counted(record: RunRecord) -> bool:
    return (Path(record.fingerprint) / CLAIM).exists()


def _refusal(run: Path, begun: RunRecord, record: RunRecord) -> str:
    """Why a run cannot go on as another one, and what to do."""
    changed = differences(begun.model_dump(mode="json"), record.model_dump(mode="json"))
    if begun.policy is None or begun.model_copy(update={"policy": record.policy}) != record:
        return (
            f"expected in {run} the run that was begun there, got another fingerprint, suspect or "
            f"way of asking ({changed}); ask as it was begun, or name another folder with --run"
        )
    then, now = _allowances(begun.policy), _allowances(record.policy)
    if begun.policy.model_copy(update=now) != record.policy:
        return (
            f"expected the rules that {run} was begun under, got others ({changed}); they are "
            "fixed before the first question: use the same ones, or ask anew into another folder "
            "with --run"
        )
    reason = "the fingerprint has no calibration now, or it is left out"
    if any(now.values()):
        anew = "anew " if any(then.values()) else ""
        reason = f"the fingerprint was calibrated {anew}since, or another allowance was given"
    if then["contrast_allowance"] is not None:
        old = "the calibration.json of then and --transfer-test as before"
    elif then["transfer_allowance"] is not None:
        old = f"--transfer-allowance {then['transfer_allowance']!r}"
    else:
        old = "--no-calibration"
    return (
        f"expected the rules that {run} was begun under, with {_said(then)}, got "
        f"{_said(now)}: {reason}; rules are fixed before the first question, so go on under "
        f"the old ones with {old}, or ask anew into another folder with --run"
    )


def _allowances(policy: Policy | None) -> dict[str, float | None]:
    rules = policy or Policy()
    return {
        "transfer_allowance": rules.transfer_allowance,
        "contrast_allowance": rules.contrast_allowance,
    }


def _said(allowances: Mapping[str, float | None]) -> str:
    said = [
        f"{name.replace('_', ' ')} {value!r}"
        for name, value in allowances.items()
        if value is not None
    ]
    return " and ".join(said) or "no transfer allowance"


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
        return model.model_validate_json(read_text_file(path))
    except FileNotFoundError as error:
        raise StorageError(
            f"expected a finished run with {path.name} in {path.parent}, got none; "
            "name the folder given to `sif verify --run`, and let it finish"
        ) from error
    except (ValidationError, UnicodeDecodeError, UsageError) as error:
        raise StorageError(
            f"expected {path} as `sif verify` writes it, got something else; verify again"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
