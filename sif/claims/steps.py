"""What an audit found, step by step, and what that makes of a claim.

VERIFIED     every step passed
CONSISTENT   none failed, and some were not checked: the bundle's arithmetic agrees with itself,
             as that of invented answers does too
REFUTED      a step failed

Knows nothing of what the steps do.
"""

from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from sif.errors import ClaimError


class Status(StrEnum):
    """How a step ended. What was not checked is never taken for passed."""

    PASS = "pass"
    FAIL = "fail"
    NOT_CHECKED = "not checked"


class Outcome(StrEnum):
    """What an audit makes of a claim, the strongest first."""

    VERIFIED = "verified"
    CONSISTENT = "consistent"
    REFUTED = "refuted"

    def carries(self, required: "Outcome") -> bool:
        """Whether it is as strong as this one, or stronger."""
        strongest_first = list(Outcome)
        return strongest_first.index(self) <= strongest_first.index(required)


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
        outcome: verified, consistent or refuted.
        not_checked: the steps that were not, in their order.
        supported: no step failed; says nothing of those that were not checked.
        failed: name of the step that failed; none if none did.
        steps: in their order; those behind a failure are not checked.
        model: the one that triggers were made on, in words; none where the audit ended before.
        alpha: the smaller of the claim's α and the auditor's; none where the audit ended before.
        log10_e_value: evidence of the run, computed anew; none where the audit ended before.
        log10_discount: taken off for grinding, for runs that were not shown, and for questions
            without an answer.
        log10_remaining: what is left of the evidence.
        own_words: prompts and example in the claimant's own words, shown; whether they ask for
            words that suit him is for a person to read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = 2
    outcome: Outcome
    not_checked: tuple[str, ...]
    supported: bool
    failed: str | None
    steps: tuple[Step, ...]
    model: str | None = None
    alpha: float | None
    log10_e_value: float | None
    log10_discount: float | None
    log10_remaining: float | None
    own_words: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The outcome in one line, with all that was not checked."""
        if self.failed is not None:
            return f"REFUTED at step {self.step(self.failed).number} ({self.failed})"
        assert self.log10_remaining is not None
        left = f"log10 e-value {self.log10_remaining:.2f} after the discount"
        what = f"the suspect is derived from {self.model}"
        if self.outcome is Outcome.VERIFIED:
            return f"VERIFIED: every step passed, {what}, {left}"
        return (
            f"CONSISTENT, NOT VERIFIED (not checked: {', '.join(self.not_checked)}): the "
            f"arithmetic agrees that {what}, {left}"
        )

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
