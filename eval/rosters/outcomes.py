"""What became of every suspect of a roster: asked, failed, or set aside. Prints nothing."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sif.eval.triggers.roster import Role, Split

State = Literal["asked", "failed", "set aside"]


class Outcome(BaseModel):
    """One suspect.

    Attributes:
        name: in the roster.
        suspect: its address.
        role: what it is to the source.
        split: whether recipes may be chosen by what it answers.
        note: how it was made, from the roster.
        state: what became of it; only those asked have rows in the table.
        reason: why it was not asked; none where it was.
        answered: of its questions.
        questions: put to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    suspect: str
    role: Role
    split: Split
    note: str
    state: State
    reason: str | None = None
    answered: int = 0
    questions: int = 0


class Outcomes(BaseModel):
    """suspects.json: everybody, in the order of the roster."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    roster: str
    suspects: tuple[Outcome, ...]


def outcomes_as_markdown(outcomes: Sequence[Outcome]) -> str:
    """Whom the tables lack and why, and what that does to matches."""
    innocents = [outcome for outcome in outcomes if outcome.role == "innocent"]
    asked = sum(outcome.state == "asked" for outcome in innocents)
    said = f"The thresholds of the published FMR come from {asked} of {len(innocents)} innocents"
    said += "." if asked else ": every score passes, and a match means nothing."
    lines = [f"\n## Who was asked\n\n{said}\n"]
    absent = [outcome for outcome in outcomes if outcome.state != "asked"]
    if absent:
        lines.append("\n| not asked | role | state | reason |\n|---|---|---|---|\n")
    for outcome in absent:
        reason = " ".join((outcome.reason or "").replace("|", "\\|").split())
        lines.append(f"| {outcome.name} | {outcome.role} | {outcome.state} | {reason} |\n")
    return "".join(lines)
