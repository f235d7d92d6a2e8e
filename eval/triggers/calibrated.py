"""Who would be derived by audits that exclude transfer as well, from the rows of a benchmark.

The panel of each family and set of keys is the innocents that recipes may be chosen by; everybody
else is audited, with all triggers. Knows nothing of tables.
"""

from collections import defaultdict
from collections.abc import Sequence
from math import log10
from typing import NamedTuple

from sif.eval.metrics import highest_evidence
from sif.eval.triggers.rows import Cell
from sif.eval.triggers.summary import counts_of, null_of
from sif.ownership.calibration import CONFIDENCE
from sif.ownership.null import Null
from sif.ownership.policy import Policy
from sif.ownership.transfer import Draw, TransferEvidence, reaction, upper_bound


class Audited(NamedTuple):
    """One calibrated audit: an answer of that suspect, for what it is, and the outcome."""

    cell: Cell
    derived: bool


def calibrated_audits(cells: Sequence[Cell]) -> list[Audited]:
    """One audit for each family, set of keys and suspect outside the panel.

    Args:
        cells: of one method, whose pictures went through no attack.

    Returns:
        Nothing where words are not counted, or there is no panel.
    """
    sets: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        sets[cell.family, cell.seed].append(cell)
    return [audited for some in sets.values() for audited in _audit(some)]


def _audit(cells: Sequence[Cell]) -> list[Audited]:
    null = null_of(cells)
    suspects: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        suspects[cell.suspect].append(cell)
    panel = {name: some for name, some in suspects.items() if _in_panel(some[0])}
    leanings = {name: _leanings(some, null) for name, some in panel.items() if null is not None}
    leanings = {name: some for name, some in leanings.items() if some}
    if null is None or not leanings:
        return []
    alone = 1.0 - (1.0 - CONFIDENCE) / len(leanings)
    allowance = max(upper_bound(some, confidence=alone) for some in leanings.values())
    return [
        Audited(some[0], allowance < 1.0 and _derived(some, null, allowance))
        for name, some in suspects.items()
        if name not in panel
    ]


def _in_panel(cell: Cell) -> bool:
    return (cell.role, cell.split) == ("innocent", "tuning")


def _leanings(cells: Sequence[Cell], null: Null) -> list[float]:
    return [reaction(count, gamma=null.gamma) for count in counts_of(cells) if count.scored]


def _derived(cells: Sequence[Cell], null: Null, allowance: float) -> bool:
    draw = Draw(triggers=len(cells), stamped=False)
    policy, transfer = Policy(), TransferEvidence(limit=allowance, draw=draw)
    for cell in cells:
        transfer.add(next(iter(_leanings([cell], null)), 0.0))
    highest = highest_evidence(counts_of(cells), null)
    reached = transfer.highest >= -log10(policy.alpha_transfer)
    return highest >= -log10(policy.alpha) and reached
