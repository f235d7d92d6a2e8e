"""Base pictures asked within a session: whether they are, and where their answers are kept.

Their journal lies beside that of the triggers: where a base picture was not changed at all, it is
the same question, and has to be asked again. Knows no counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sif.errors import UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.controlled import has_bases
from sif.ownership.run import CONTROL_JOURNAL
from sif.suspects.kept import KeptAnswers
from sif.types import Suspect


def wants_control(fingerprint: FingerprintSet, wish: bool | None, *, committed: bool) -> bool:
    """Whether base pictures are asked where the suspect looks derived.

    Args:
        fingerprint: with the triggers that are asked about.
        wish: of the caller; None for what a claim needs.
        committed: whether it is asked by the rules of a claim.

    Raises:
        UsageError: it is wished for, and a base picture is missing.
    """
    there = has_bases(fingerprint)
    if wish and not there:
        raise UsageError(
            "expected a fingerprint with the base picture of every trigger for the control, got "
            "one that lacks some; ask without it (--no-control)"
        )
    return (committed and there) if wish is None else wish


@contextmanager
def asked_besides(
    suspect: Suspect, run: Path | None, *, name: str | None = None
) -> Iterator[Suspect | None]:
    """The suspect with the journal of base pictures before it; None where it is not asked.

    Args:
        suspect: stays the caller's to close; attacks are around it already.
        run: the run's folder; None for no control.
        name: under which its answers are kept; its own where None.
    """
    if run is None:
        yield None
        return
    with KeptAnswers(run / CONTROL_JOURNAL) as kept:
        yield kept.through(suspect, name=name)
