"""Scores of suspects and costs of contenders, a file for each cell: one task and seed."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.files import write_atomically


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(_Row):
    """What one contender says of one suspect.

    Attributes:
        contender: its label.
        suspect: kind of theft, or "independent".
        copy_of_protected: whether it is a copy.
        quality: accuracy or R² of the suspect on unseen data.
        score: in [0, 1].
        p_value: of a contender with enough references for claims.
    """

    contender: str
    suspect: str
    copy_of_protected: bool
    quality: float
    score: float
    p_value: float | None = None


class Cost(_Row):
    """What one contender costs, in seconds of the processor.

    Attributes:
        contender: its label.
        settings: digest of what decides its rows beside the cell's settings.
        networks: making the networks of its training sets.
        training: training inputs and verifier.
        reason: why it has no score; None where it has.
    """

    contender: str
    settings: str
    networks: float
    training: float
    reason: str | None = None


Judged = tuple[tuple[Score, ...], Cost]


class CellRows(_Row):
    """All rows of one task and seed.

    Attributes:
        schema_version: of this file.
        settings: digest of everything that decides the networks; another's cell is made again.
        task: its name.
        seed: of everything.
        protected_quality: accuracy or R² of the protected network.
        scores: of all contenders on all suspects.
        costs: of all contenders.
    """

    schema_version: Literal[2] = 2
    settings: str
    task: str
    seed: int
    protected_quality: float
    scores: tuple[Score, ...]
    costs: tuple[Cost, ...]

    def flat(self) -> "tuple[list[ScoreOfCell], list[CostOfCell]]":
        """The rows, each with the cell."""
        where: dict[str, Any] = {"task": self.task, "seed": self.seed}
        return (
            [ScoreOfCell.model_validate(row.model_dump() | where) for row in self.scores],
            [CostOfCell.model_validate(row.model_dump() | where) for row in self.costs],
        )

    def of(self, contender: str, settings: str) -> Judged | None:
        """What a contender said; None where it did not take part with these settings."""
        for cost in self.costs:
            if (cost.contender, cost.settings) == (contender, settings):
                return tuple(row for row in self.scores if row.contender == contender), cost
        return None


class ScoreOfCell(Score):
    """A score with its cell, for one table of all."""

    task: str
    seed: int


class CostOfCell(Cost):
    """A cost with its cell, for one table of all."""

    task: str
    seed: int


def read_cell(path: Path, settings: str) -> CellRows | None:
    """The rows of an earlier run of the same settings, if they are there and whole."""
    try:
        rows = CellRows.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return rows if rows.settings == settings else None


def write_cell(path: Path, rows: CellRows) -> None:
    """Keeps them.

    Raises:
        StorageError: the disk refuses.
    """
    write_atomically(path, rows.model_dump_json(indent=1))


def digest(facts: Any) -> str:
    """Of whatever decides networks or rows; the same facts have the same."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
