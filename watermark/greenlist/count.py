"""Counting green words: each distinct token id of an answer once.

The ids come from the owner's tokenizer, whoever answered. Which ids are dropped never depends on
the key; that is what makes the count exactly hypergeometric when the answer does not either.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Bool, Float

from sif.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class GreenCount:
    """How many of the distinct ids that were scored are green.

    Raises:
        UsageError: not 0 ≤ green ≤ scored.
    """

    green: int
    scored: int

    def __post_init__(self) -> None:
        if not 0 <= self.green <= self.scored:
            raise UsageError(f"expected 0 ≤ green ≤ scored, got {self.green} of {self.scored}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedCount:
    """The weights of the ids that were scored, those of the green ones apart.

    Attributes:
        green: weights of the green ids.
        red: weights of the others.
    """

    green: tuple[float, ...]
    red: tuple[float, ...]

    @property
    def count(self) -> GreenCount:
        """How many ids there are of each."""
        return GreenCount(green=len(self.green), scored=len(self.green) + len(self.red))


def weigh_green(
    ids: Iterable[int],
    mask: Bool[np.ndarray, " vocab"],
    weights: Float[np.ndarray, " vocab"],
    *,
    ignore: frozenset[int] = frozenset(),
) -> WeightedCount:
    """The weights of the ids that `count_green` counts.

    Args:
        ids: of an answer, or of all answers to one trigger.
        mask: the trigger's green ids.
        weights: of every id, chosen without the key.
        ignore: special ids, which are not scored.
    """
    scored = _scored(ids, mask, ignore)
    return WeightedCount(
        green=tuple(float(weights[index]) for index in scored if mask[index]),
        red=tuple(float(weights[index]) for index in scored if not mask[index]),
    )


def count_green(
    ids: Iterable[int], mask: Bool[np.ndarray, " vocab"], *, ignore: frozenset[int] = frozenset()
) -> GreenCount:
    """Counts each distinct id once.

    Args:
        ids: of an answer, or of all answers to one trigger.
        mask: the trigger's green ids.
        ignore: special ids, which are not scored. Ids outside the mask are not scored either.
    """
    scored = _scored(ids, mask, ignore)
    return GreenCount(green=int(mask[scored].sum()), scored=len(scored))


def _scored(ids: Iterable[int], mask: np.ndarray, ignore: frozenset[int]) -> list[int]:
    return sorted(index for index in distinct_ids([ids], ignore) if 0 <= index < len(mask))


def distinct_ids(
    ids_of_repeats: Iterable[Iterable[int]], ignore: frozenset[int] = frozenset()
) -> frozenset[int]:
    """The ids of all repeats of one trigger together: repeats are one cluster, counted once."""
    return frozenset(int(index) for ids in ids_of_repeats for index in ids) - ignore


def z_score(count: GreenCount, *, gamma: float) -> float | None:
    """Standard score of a count, (g − γT) / √(Tγ(1−γ)); none where nothing was scored."""
    if count.scored == 0:
        return None
    spread = sqrt(count.scored * gamma * (1 - gamma))
    return (count.green - gamma * count.scored) / spread
