"""What an audit found, step by step. Knows nothing of what the steps do."""

from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from sif.errors import ClaimError


class Status(StrEnum):
    """How a step ended. What was not checked is never taken for passed."""

    PASS = "pass"
    FAIL = "fail"
    NOT_CHECKED = "not checked"


class Finding(NamedTuple):
    """What a step that did not fail found, in one sentence."""

    status: Status
    sentence: str


class Step(BaseModel):
    """One step of an audit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    name: str
    status: Status
    sentence: str


class AuditReport(BaseModel):
    """The outcome of an audit; what `sif claim audit --json` prints.

    Attributes:
        supported: every step that was reached passed or was not checked, and all were reached: the
            evidence supports the claim as far as it was checked.
        failed: name of the step that failed; none if none did.
        steps: in their order; those behind a failure are not checked.
        alpha: α of the claim.
        log10_e_value: evidence of the run, computed anew; none where the audit ended before.
        log10_discount: taken off for grinding and for runs that were not shown.
        log10_remaining: what is left of the evidence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    supported: bool
    failed: str | None
    steps: tuple[Step, ...]
    alpha: float | None
    log10_e_value: float | None
    log10_discount: float | None
    log10_remaining: float | None

    def step(self, name: str) -> Step:
        """The step of this name."""
        return next(step for step in self.steps if step.name == name)

    def raise_if_failed(self) -> None:
        """Makes a failure an error.

        Raises:
            ClaimError: a step failed; says which, and why.
        """
        if self.failed is not None:
            step = self.step(self.failed)
            raise ClaimError(f"step {step.number} ({step.name}) fails: {step.sentence}")
