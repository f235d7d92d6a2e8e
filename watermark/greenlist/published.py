"""Green lists as the released KGW and SIF codes draw them: for triggers that were made with those.

Seed of the generator: the integer hash key (`simple_0`, one constant list) or the hash key times
the previous token id (`simple_1`), modulo 2^64 − 1. Green are the first int(gamma · V) entries of
`torch.randperm` on the CPU generator, V being the length of the tokenizer. Triggers that were made
on a GPU used that device's generator, whose lists differ; only CPU lists are reproduced.

The hash key is a public integer, not a uniform secret, so the exact false-claim bound of
`sif.ownership` does not cover these lists; new triggers use `sif.watermark.greenlist.mask`.
"""

from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Bool

from sif.errors import UsageError

Scheme = Literal["simple_0", "simple_1"]
HASH_KEY: Final = 15485863
_SEED_MODULUS: Final = 2**64 - 1


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
