"""What chance alone gives: the mean reaction of a model whose answers know no key, exactly.

A reaction is never below 0, so that luck alone has a mean above it. An allowance below that mean
would exclude transfer for every innocent model. Knows counts only.
"""

from collections.abc import Sequence
from math import fsum
from typing import Final

import numpy as np

from sif.errors import UsageError
from sif.ownership.null import HypergeometricNull
from sif.ownership.transfer import reaction
from sif.watermark.greenlist.count import GreenCount

CHANCE_MARGIN: Final = 0.05
"""Above the mean that chance gives. A suspect's answers may be shorter or longer than the panel's,
which changes that mean by up to 0.03 between 3 and 100 distinct ids."""


def chance_reaction(scored: int, null: HypergeometricNull) -> float:
    """E[s] of an answer with so many distinct ids, of which hypergeometrically many are green."""
    gamma = null.green_size / null.vocabulary_size
    chances = np.exp(null.log_pmf(scored))
    return fsum(
        chance * reaction(GreenCount(green=green, scored=scored), gamma=gamma)
        for green, chance in zip(null.support(scored), chances.tolist(), strict=True)
    )


def chance_floor(
    scored: Sequence[int],
    *,
    vocabulary_size: int,
    green_size: int,
    margin: float = CHANCE_MARGIN,
) -> float:
    """The smallest transfer allowance that makes sense: what chance gives, and a margin.

    Args:
        scored: distinct ids of the answer to each trigger that was answered.
        vocabulary_size: V, ids of the owner's tokenizer.
        green_size: ⌊γV⌋, green ids of every trigger.
        margin: added to the exact mean.

    Returns:
        The mean over these answers of the expected reaction under chance alone, plus the margin;
        at most 1.

    Raises:
        UsageError: no answers, sizes that make no sense, or a negative margin.
    """
    if not scored or margin < 0.0:
        raise UsageError(
            f"expected answers and a margin of at least 0, got {len(scored)} answers and {margin:g}"
        )
    null = HypergeometricNull(vocabulary_size=vocabulary_size, green_size=green_size)
    sizes, times = np.unique(np.asarray(scored), return_counts=True)
    mean = fsum(
        repeats * chance_reaction(size, null)
        for size, repeats in zip(sizes.tolist(), times.tolist(), strict=True)
    ) / len(scored)
    return min(1.0, mean + margin)
