"""Green lists as the released KGW and SIF codes draw them: for triggers that were made with those.

Seed of the generator: the integer hash key (`simple_0`, one constant list) or the hash key times
the previous token id (`simple_1`), modulo 2^64 − 1. Green are the first int(gamma · V) entries of
`torch.randperm` on the CPU generator, V being the length of the tokenizer. Triggers that were made
on a GPU used that device's generator, whose lists differ; only CPU lists are reproduced.

The hash key is a public integer, not a uniform secret, so the exact false-claim bound of
`sif.ownership` does not cover these lists; new triggers use `sif.watermark.greenlist.mask`.

Released detectors count every place of an answer but the first, repeats included: `released_count`.
Beside it, each word counts once under each list: distinct ids for `simple_0`, distinct pairs of
previous id and id for `simple_1` (`distinct_pairs`).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Bool

from sif.errors import UsageError
from sif.watermark.greenlist.count import GreenCount

Scheme = Literal["simple_0", "simple_1"]
HASH_KEY: Final = 15485863
_SEED_MODULUS: Final = 2**64 - 1

Pair = tuple[int | None, int]
"""Previous id, where the scheme looks at it, and id."""


def published_green_mask(
    scheme: Scheme,
    *,
    vocabulary_size: int,
    gamma: float,
    previous: int | None = None,
    hash_key: int = HASH_KEY,
) -> Bool[np.ndarray, " vocab"]:
    """Marks the green ids of a released scheme.

    Args:
        scheme: `simple_0` (constant) or `simple_1` (depends on the previous token).
        vocabulary_size: V, the length of the tokenizer.
        gamma: share of green ids; int(gamma · V) in floating point, as released.
        previous: the previous token id, for `simple_1` only.
        hash_key: the integer key.

    Raises:
        UsageError: an unknown scheme, a missing or superfluous previous token, or bad sizes.
    """
    size = int(vocabulary_size * gamma)
    if not 0 < size < vocabulary_size:
        raise UsageError(
            f"expected 0 < int(gamma · V) < V, got gamma {gamma} and V {vocabulary_size}"
        )
    generator = torch.Generator(device="cpu")
    generator.manual_seed(_seed(scheme, hash_key, previous))
    order = torch.randperm(vocabulary_size, device="cpu", generator=generator)
    mask = np.zeros(vocabulary_size, dtype=np.bool_)
    mask[order[:size].numpy()] = True
    return mask


def released_pairs(scheme: Scheme, ids: Sequence[int]) -> list[Pair]:
    """The places that the released detectors count: all but the first, whatever the scheme."""
    return [(None if scheme == "simple_0" else before, index) for before, index in pairwise(ids)]


def distinct_pairs(
    scheme: Scheme, answers: Iterable[Sequence[int]], *, ignore: frozenset[int] = frozenset()
) -> frozenset[Pair]:
    """Each word once under each list: the ids of all answers, or their pairs for `simple_1`.

    Args:
        scheme: `simple_0` or `simple_1`.
        answers: ids of each.
        ignore: special ids, which are not counted.
    """
    if scheme == "simple_0":
        return frozenset((None, index) for ids in answers for index in ids if index not in ignore)
    found = {pair for ids in answers for pair in released_pairs(scheme, ids)}
    return frozenset(pair for pair in found if pair[1] not in ignore)


class PublishedLists:
    """The lists of one hash key; remembers which of the pairs that it was asked for are green.

    Args:
        scheme: `simple_0` or `simple_1`.
        vocabulary_size: V, the length of the tokenizer.
        gamma: share of green ids.
        hash_key: the integer key.
    """

    def __init__(
        self, scheme: Scheme, *, vocabulary_size: int, gamma: float, hash_key: int = HASH_KEY
    ) -> None:
        self.scheme: Scheme = scheme
        self.vocabulary_size = vocabulary_size
        self._gamma = gamma
        self._hash_key = hash_key
        self._known: dict[Pair, bool] = {}

    def green(self, pairs: Iterable[Pair]) -> dict[Pair, bool]:
        """Which pairs are green; ids outside the vocabulary are not."""
        pairs = set(pairs)
        for previous in {before for before, _ in pairs - self._known.keys()}:
            mask = published_green_mask(
                self.scheme,
                vocabulary_size=self.vocabulary_size,
                gamma=self._gamma,
                previous=previous,
                hash_key=self._hash_key,
            )
            ids = [index for before, index in pairs if before == previous]
            self._known |= {
                (previous, index): index < len(mask) and bool(mask[index]) for index in ids
            }
        return {pair: self._known[pair] for pair in pairs}

    def released_count(self, ids: Sequence[int]) -> GreenCount:
        """Green places of an answer as released: every place but the first, repeats included."""
        pairs = released_pairs(self.scheme, ids)
        green = self.green(pairs)
        return GreenCount(green=sum(green[pair] for pair in pairs), scored=len(pairs))


def _seed(scheme: Scheme, hash_key: int, previous: int | None) -> int:
    match scheme, previous:
        case "simple_0", None:
            return hash_key % _SEED_MODULUS
        case "simple_1", int():
            return hash_key * previous % _SEED_MODULUS
        case "simple_0" | "simple_1", _:
            raise UsageError(
                f"simple_0 takes no previous token and simple_1 needs one, got {previous} "
                f"for {scheme}"
            )
        case _:
            raise UsageError(f"expected scheme simple_0 or simple_1, got {scheme!r}")
