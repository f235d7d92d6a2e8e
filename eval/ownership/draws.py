"""Green counts of fixed texts under fresh uniform keys: through the real keyed function, or drawn.

A uniform key makes a uniformly random set of n of V ids green. The number of green ids among u
fixed ones is then hypergeometric, that among overlapping sets of ids multivariate hypergeometric,
and where single ids matter the set itself is drawn. Knows no e-values.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from sif.eval.ownership.corpus import GAMMA, TextSet
from sif.ownership.null import HypergeometricNull
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import SECRET_BYTES, KeyRing


class Pair(NamedTuple):
    """Green counts of two texts under the same keys."""

    one: Int[np.ndarray, "audits triggers"]
    other: Int[np.ndarray, "audits triggers"]


def draw_greens(
    texts: TextSet, audits: int, rng: np.random.Generator
) -> Int[np.ndarray, "audits triggers"]:
    """H ~ hypergeometric(V, n, u) for every text, with a fresh key for each audit and text."""
    null, sizes = texts.null, np.asarray(texts.sizes)
    red = null.vocabulary_size - null.green_size
    return rng.hypergeometric(null.green_size, red, sizes, size=(audits, len(sizes)))


def keyed_greens(
    texts: TextSet, audits: int, rng: np.random.Generator
) -> Iterator[Int[np.ndarray, " triggers"]]:
    """The same through `KeyRing` and `green_mask`, a fresh secret for each audit."""
    ids = [sorted(some) for some in texts.distinct]
    for _ in range(audits):
        ring = KeyRing(rng.bytes(SECRET_BYTES))
        yield np.array([_green(ring, number, some, texts) for number, some in enumerate(ids)])


def _green(ring: KeyRing, number: int, ids: Sequence[int], texts: TextSet) -> int:
    key = ring.key(f"{number + 1:04d}")
    mask = green_mask(key, vocabulary_size=texts.vocabulary_size, gamma=GAMMA)
    return int(mask[ids].sum())


def draw_pairs(one: TextSet, other: TextSet, audits: int, rng: np.random.Generator) -> Pair:
    """Counts of two authors' answers to the same triggers, under the same keys.

    With S shared ids, A only in one text and B only in the other: green ones among S are
    hypergeometric; given these, those among A of what is left; given both, those among B.
    """
    null = one.null
    pairs = list(zip(one.distinct, other.distinct, strict=True))
    shared = np.array([len(a & b) for a, b in pairs])
    alone = np.array([len(a - b) for a, b in pairs])
    apart = np.array([len(b - a) for a, b in pairs])
    shape = (audits, len(pairs))
    green, left = np.full(shape, null.green_size), np.full(shape, null.vocabulary_size)
    both = rng.hypergeometric(green, left - green, shared)
    green, left = green - both, left - shared
    mine = rng.hypergeometric(green, left - green, alone)
    green, left = green - mine, left - alone
    theirs = rng.hypergeometric(green, left - green, apart)
    return Pair(both + mine, both + theirs)


def draw_masks(
    null: HypergeometricNull, ids: int, number: int, rng: np.random.Generator
) -> Bool[np.ndarray, "number ids"]:
    """Which of `ids` fixed ids are green, for `number` keys: a uniform set of H of them."""
    red = null.vocabulary_size - null.green_size
    size = rng.hypergeometric(null.green_size, red, ids, size=number)
    lots = rng.random((number, ids), dtype=np.float32)
    ordered = np.sort(lots, axis=1)
    limits = np.where(size > 0, ordered[np.arange(number), np.maximum(size, 1) - 1], -1.0)
    return np.asarray(lots <= limits[:, None])


def weighted_greens(
    counts: Float[np.ndarray, "texts ids"], masks: Bool[np.ndarray, "number ids"]
) -> Float[np.ndarray, "number texts"]:
    """Green tokens of every text under every mask, each as often as it stands there."""
    return np.asarray(masks.astype(np.float32) @ counts.T)
