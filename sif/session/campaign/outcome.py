"""How the pairs of a campaign ended: rows that are kept as they come, and tables of them.

Asks nobody. A row holds the few figures of a verdict, never its answers.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.files import write_atomically
from sif.ownership.run import Group
from sif.ownership.verdict import Verdict, rounded_up
from sif.parquet import as_parquet
from sif.plain_files import read_text_file
from sif.types import Decision

Outcome = Literal["derived", "not_shown", "inconclusive", "failed", "not_asked"]
JUDGED: tuple[Outcome, ...] = ("derived", "not_shown", "inconclusive")
JSON, PARQUET = "results.json", "results.parquet"


class PairRow(BaseModel):
    """One pair.

    Attributes:
        pair: the two in the names of folders.
        fingerprint: its label.
        label: the suspect's.
        group: only sorts tables.
        address: the suspect as it is asked; never holds a secret.
        decision: of the verdict; `failed` where there is none, `not_asked` where its turn
            did not come.
        reason: of the decision, in one line.
        alpha: the bound that its verdict keeps.
        log10_e_value: the highest, as of `Verdict`.
        transfer_log10_e_value: the same against transfer; none where it is not tested.
        questions: that were put; of one that failed, those that were to be put.
        answered: of these questions, how many got an answer.
        unanswered: the others, by reason.
        seconds: that its sessions took, waiting included; none where it was not asked.
        run: the folder of its run, within the campaign's.
        settings: digest of what was asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: str
    fingerprint: str
    label: str
    group: Group
    address: str
    decision: Outcome
    reason: str
    alpha: float
    log10_e_value: float | None = None
    transfer_log10_e_value: float | None = None
    questions: int = 0
    answered: int = 0
    unanswered: dict[str, int] = {}
    seconds: float | None = None
    run: str
    settings: str = ""

    @property
    def settled(self) -> bool:
        """Whether asking again could change nothing: derived, or every question answered."""
        whole = self.decision in JUDGED and self.answered == self.questions
        return self.decision == Decision.DERIVED.value or whole

    def judged(self, verdict: Verdict) -> "PairRow":
        """With the figures of its verdict."""
        missing = dict(verdict.unanswered or {})
        return self.model_copy(
            update={
                "decision": verdict.decision.value,
                "reason": verdict.reason,
                "alpha": verdict.alpha,
                "log10_e_value": verdict.log10_e_value,
                "transfer_log10_e_value": verdict.transfer_log10_e_value,
                "questions": verdict.queries,
                "answered": verdict.queries - sum(missing.values()),
                "unanswered": missing,
            }
        )

    def failed(self, reason: str, *, questions: int, answered: int) -> "PairRow":
        """With why there is no verdict."""
        missing = questions - answered
        return self.model_copy(
            update={
                "decision": "failed",
                "reason": reason,
                "questions": questions,
                "answered": answered,
                "unanswered": {reason: missing} if missing else {},
            }
        )


class _FlatRow(BaseModel):
    """A row of the Parquet file; `reasons` is a JSON object of questions by reason."""

    pair: str
    fingerprint: str
    label: str
    group: str
    address: str
    decision: str
    reason: str
    alpha: float
    log10_e_value: float | None
    transfer_log10_e_value: float | None
    questions: int
    answered: int
    reasons: str
    seconds: float | None
    run: str


class CampaignResults(BaseModel):
    """results.json.

    Attributes:
        alpha: of each pair, or of all together where it is split.
        split_among: pairs among which it is split; none where each has all of it.
        pairs: in the order of the campaign's file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    alpha: float
    split_among: int | None
    pairs: tuple[PairRow, ...]

    def count(self, outcome: Outcome) -> int:
        """Pairs that ended so."""
        return sum(row.decision == outcome for row in self.pairs)

    @property
    def to_know(self) -> str:
        """What follows for many verdicts together; nothing is rounded in favour of the claim."""
        number, alpha = len(self.pairs), rounded_up(self.alpha)
        largest = max((row.alpha for row in self.pairs), default=self.alpha)
        if self.split_among is not None:
            return (
                f"α = {alpha} is split among {self.split_among} pairs: the probability that any "
                "innocent suspect of this campaign is called derived is at most that, all "
                "verdicts together (and α_B likewise against transfer)"
            )
        many = rounded_up(number * largest)
        alone = f"= {alpha}" if largest <= self.alpha else f"of at most {rounded_up(largest)}"
        return (
            f"each verdict holds alone, at α {alone}: among {number} pairs with innocent "
            f"suspects at most {many} false claims are expected; `family_wise: true` splits α, so "
            "that it bounds all of them together"
        )


def keep_row(file: Path, row: PairRow) -> None:
    """Writes how a pair ended.

    Raises:
        StorageError: the disk refuses.
    """
    write_atomically(file, row.model_dump_json(indent=2))


def kept_row(file: Path) -> PairRow | None:
    """How a pair ended; none where it did not yet, or the file is not whole."""
    try:
        return PairRow.model_validate_json(read_text_file(file))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def write_tables(out: Path, results: CampaignResults) -> None:
    """results.json and results.parquet.

    Raises:
        StorageError: the disk refuses.
    """
    write_atomically(out / JSON, results.model_dump_json(indent=2))
    flat = [_flat(row) for row in results.pairs]
    write_atomically(out / PARQUET, as_parquet(flat))


def commonest(missing: Mapping[str, int]) -> str:
    """The commonest reason for no answer; "" where all were answered."""
    return max(missing, key=lambda reason: missing[reason], default="")


def _flat(row: PairRow) -> _FlatRow:
    fields = row.model_dump(exclude={"unanswered", "settings"})
    return _FlatRow(**fields, reasons=json.dumps(row.unanswered, ensure_ascii=False))
