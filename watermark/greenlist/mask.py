"""Which token ids are green: a keyed function that is the same on every device and platform.

The list is fully specified by this text, so that anybody can rebuild it without this package:

1. n = floor(gamma · V), exactly, with gamma read as the decimal number that Python prints.
2. Take the first 8·V bytes of SHAKE-256 over the 17 bytes `sif green mask 1` NUL and the key.
3. The number of id v is the unsigned little-endian integer in bytes 8v … 8v+7.
4. Green are the n ids with the smallest numbers; of equal numbers the smaller id goes first.

Knows token ids only: no images, no models, no thresholds. Remembers no key.
"""

import hashlib
from fractions import Fraction
from typing import Final

import numpy as np
from jaxtyping import Bool

from sif.errors import UsageError

KEY_BYTES: Final = 32
_DOMAIN: Final = b"sif green mask 1\x00"


def green_size(vocabulary_size: int, gamma: float) -> int:
    """How many ids are green: floor(gamma · V), free of binary rounding (0.29 · 100 is 29).

    Raises:
        UsageError: gamma not between 0 and 1, or a list that would hold none or all of the ids.
    """
    if not 0.0 < gamma < 1.0:
        raise UsageError(f"expected gamma between 0 and 1 (both excluded), got {gamma}; try 0.5")
    if vocabulary_size < 2:
        raise UsageError(
            f"expected a vocabulary of at least 2 ids, got {vocabulary_size}; "
            "pass the length of the owner's tokenizer"
        )
    size = int(Fraction(str(float(gamma))) * int(vocabulary_size))
    if size == 0:
        raise UsageError(
            f"gamma {gamma} of {vocabulary_size} ids leaves no green one; use a larger gamma"
        )
    return size


def green_mask(key: bytes, *, vocabulary_size: int, gamma: float) -> Bool[np.ndarray, " vocab"]:
    """Marks the green ids of a key.

    Args:
        key: 32 bytes, of `KeyRing.key`.
        vocabulary_size: V, the number of token ids.
        gamma: share of green ids.

    Returns:
        V booleans, exactly floor(gamma · V) of them true.

    Raises:
        UsageError: a key, vocabulary or gamma that makes no sense.
    """
    if len(key) != KEY_BYTES:
        raise UsageError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}; see KeyRing.key")
    size = green_size(vocabulary_size, gamma)
    stream = hashlib.shake_256(_DOMAIN + key).digest(8 * vocabulary_size)
    return _smallest(np.frombuffer(stream, dtype="<u8"), size)


def _smallest(numbers: np.ndarray, size: int) -> Bool[np.ndarray, " vocab"]:
    """Marks the `size` smallest numbers, earlier ones first among equals, in linear time."""
    last = np.partition(numbers, size - 1)[size - 1]
    mask = np.asarray(numbers < last)
    equal = np.flatnonzero(numbers == last)
    mask[equal[: size - int(mask.sum())]] = True
    return mask
