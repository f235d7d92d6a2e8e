"""FP/claim/runs.json: how many committed runs were begun against each suspect.

Whoever asks ten times and shows the best has had ten draws, so that an audit takes the logarithm of
their number off. The count is for the honest, who forget; whoever takes the file away has lied, as
with a number of his own. One suspect is one whatever its settings, attacks or example. Knows
nothing of what the runs showed.
"""

import re
import threading
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.claims.folder import RUNS, claim_of
from sif.errors import ClaimError
from sif.files import write_atomically
from sif.plain_files import read_file

NAME: Final = re.compile(r"[^ ?@]+")
# Suspects that are asked side by side are counted one after another.
_COUNTING: Final = threading.Lock()


class Runs(BaseModel):
    """runs.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    begun: dict[str, int] = Field(default_factory=dict)


def plain_name(suspect: str) -> str:
    """A suspect's name without settings, digest, attacks and example."""
    found = NAME.match(suspect)
    return suspect if found is None else found[0]


def count_run(fingerprint: Path, suspect: str) -> None:
    """Counts a run that is about to begin.

    Raises:
        ClaimError: the file is damaged.
        StorageError: it cannot be written.
    """
    with _COUNTING:
        runs, name = _read(fingerprint), plain_name(suspect)
        begun = runs.begun | {name: runs.begun.get(name, 0) + 1}
        path = claim_of(fingerprint) / RUNS
        write_atomically(path, Runs(begun=begun).model_dump_json(indent=2))


def count_of(fingerprint: Path, suspect: str) -> int:
    """Runs that were begun against a suspect; 0 where none was counted.

    Raises:
        ClaimError: the file is damaged.
    """
    return _read(fingerprint).begun.get(plain_name(suspect), 0)


def _read(fingerprint: Path) -> Runs:
    path = claim_of(fingerprint) / RUNS
    if not path.exists():
        return Runs()
    try:
        return Runs.model_validate_json(read_file(path))
    except (OSError, ValidationError) as error:
        raise ClaimError(
            f"expected the count of runs in {path}, got something else; restore it from your copy"
        ) from error
