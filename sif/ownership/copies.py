"""A panel is of unrelated models: neither the source nor what answers like a copy of it.

A copy in a panel raises the transfer allowance, so that it can only hide copies, never convict an
innocent; it is refused because it makes the fingerprint worthless without a word. What answers like
a copy: evidence against independence that would carry a claim, and at least half of what the source
itself showed on the same triggers. Many triggers that move everybody a little give the first alone.
Where contrasts are measured it must also speak in the source's words rather than in those of
anybody else: a sibling may react nearly as a copy does, and is what a panel needs most.
"""

from collections.abc import Iterable
from typing import Final

from sif.errors import UsageError
from sif.fingerprint.manifest import Quality
from sif.ownership.evidence import highest_evidence
from sif.ownership.observation import Observation
from sif.watermark.greenlist.count import GreenCount

CLAIM_LIMIT: Final = 6.0
"""log10 e-value of a claim at α = 10⁻⁶."""
LIKE_A_COPY: Final = 0.5
"""Mean contrast. Copies have 0.6 to 1, siblings and strangers up to 0.2."""
SHARE: Final = 0.5
"""Of the source's own evidence. Copies that are quantised, pruned or fine-tuned keep more."""


def refuse_copy(
    suspect: str,
    shown: float,
    *,
    digest: str | None,
    source: float,
    contrast: float | None = None,
) -> None:
    """Makes sure that a panel member is neither the source nor a copy of it.

    Args:
        suspect: its name, which ends on the digest of its weights where that is known.
        shown: its highest log10 e-value against independence.
        digest: of the source's weights, as names hold it; none where there are digests of all its
            files, which `sif.session.panel` has compared.
        source: of `source_evidence`, on the triggers that the member answered.
        contrast: its mean contrast, where that was measured.

    Raises:
        UsageError: it is.
    """
    if digest is not None and f"@{digest}" in suspect:
        raise UsageError(
            f"expected a panel of models that are not yours, got {suspect}, whose "
            "weights are those that the triggers were made on; take it out of the panel"
        )
    limit = max(CLAIM_LIMIT, SHARE * source)
    if shown >= limit and (contrast is None or contrast >= LIKE_A_COPY):
        raise UsageError(
            f"expected a panel of unrelated models, got {suspect}, whose answers have a "
            f"log10 e-value of {shown:.1f} against independence (limit {limit:.1f}): it is a copy "
            "of the source, or the triggers move unrelated models so far that they show nothing; "
            "take it out if it is a copy, else make triggers with another recipe"
        )


def source_evidence(
    qualities: Iterable[Quality], *, vocabulary_size: int, green_size: int
) -> float:
    """log10 e-value of the source's own answers, as measured when the triggers were made."""
    counts = [counted(quality, green_size / vocabulary_size) for quality in qualities]
    seen = [
        Observation(trigger=str(place), count=count)
        for place, count in enumerate(counts)
        if count is not None
    ]
    return highest_evidence(seen, vocabulary_size=vocabulary_size, green_size=green_size)


def counted(quality: Quality, gamma: float) -> GreenCount | None:
    """The count behind a score: u = γ(1 − γ)·(z/(r − γ))² distinct ids; none where r is γ."""
    excess = quality.green_rate - gamma
    if quality.z == 0.0 or excess == 0.0:
        return None
    scored = max(1, round(gamma * (1.0 - gamma) * (quality.z / excess) ** 2))
    return GreenCount(green=min(scored, round(quality.green_rate * scored)), scored=scored)
