"""What one attacked suspect's answers to triggers come to. Knows nothing of attacks."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from sif.eval.metrics import Estimate, green_excess, published_matches, queries_to_alpha
from sif.eval.triggers.calibrated import calibrated_audits
from sif.eval.triggers.results import Cell
from sif.eval.triggers.summary import by_set, counts_of, evidence_of, highest_of, null_of, score_of
from sif.ownership.share import Share, share_of

ALPHA: Final = 1e-6


class Figures(NamedTuple):
    """What the answers to triggers show of one attacked suspect.

    Attributes:
        green: share of all scored words, by trigger.
        evidence: log10 of the e-value for each trigger asked.
        match: published match rate.
        queries: to 1/α in the committed order, the median over sets; none where that is not there.
        derived: sets whose e-value reached 1/α.
        calibrated: sets that an audit derives with transfer excluded.
    """

    green: Estimate | None
    evidence: float
    match: Share | None
    queries: float | None
    derived: int
    calibrated: int


def figures_of(triggers: Sequence[Cell], panel: Sequence[Cell]) -> Figures:
    """Figures of one attacked suspect of one family.

    Args:
        triggers: its answers to the triggers of all sets.
        panel: answers of innocents to the same pictures, who set thresholds and allowances.
    """
    sets = by_set(triggers)
    clusters: dict[tuple[int, str], list[Cell]] = defaultdict(list)
    for cell in triggers:
        clusters[cell.seed, cell.trigger].append(cell)
    matches = [hit for some in sets for hit in _matches(some, panel)]
    needed = [_queries(some) for some in sets]
    median = float(np.median([np.inf if value is None else value for value in needed]))
    audits = calibrated_audits([*panel, *triggers])
    return Figures(
        green=green_excess([counts_of(some) for some in clusters.values()], gamma=0.0),
        evidence=evidence_per_set(triggers),
        match=share_of(sum(matches), len(matches)),
        queries=median if np.isfinite(median) else None,
        derived=sum((highest_of(some) or 0.0) >= -np.log10(ALPHA) for some in sets),
        calibrated=sum(audit.derived for audit in audits),
    )


def evidence_per_set(triggers: Sequence[Cell]) -> float:
    """log10 of the e-value for each trigger asked, the mean over sets."""
    return float(np.mean([evidence_of(some) or 0.0 for some in by_set(triggers)]))


def _matches(some: Sequence[Cell], panel: Sequence[Cell]) -> list[bool]:
    """For every trigger of a set whether its score is above those of all the panel."""
    scores: dict[str, dict[str, float | None]] = defaultdict(dict)
    for one in panel:
        if one.seed == some[0].seed:
            scores[one.suspect][one.trigger] = score_of(one)
    theirs = [[row.get(cell.trigger) for cell in some] for row in scores.values()]
    return published_matches([score_of(cell) for cell in some], theirs)


def _queries(some: Sequence[Cell]) -> int | None:
    null = null_of(some)
    counts = [counts_of([cell]) for cell in some]
    if null is None:
        return None
    return queries_to_alpha([one[0] if one else None for one in counts], null, alpha=ALPHA)
