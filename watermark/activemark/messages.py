"""The secret messages: n bits for every hold-out image, from the key ring.

message = the first n bits of SHAKE-256(`sif activemark message 1` NUL, key), where `key` is that of
the label `activemark/` and the digest of the image. So a message is uniform to everybody without
the secret, independent from image to image, and the same on every machine. Knows no models.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from sif.errors import UsageError
from sif.watermark.keys import KeyRing

_DOMAIN: Final = b"sif activemark message 1\x00"


def message_label(digest: str) -> str:
    """The label under which the key ring holds the key of an image's message."""
    return f"activemark/{digest}"


def message_of(key: bytes, *, bits: int) -> Bool[np.ndarray, " bits"]:
    """The message that follows from one key.

    Raises:
        UsageError: not at least one bit.
    """
    if bits < 1:
        raise UsageError(f"expected at least 1 bit in a message, got {bits}")
    stream = hashlib.shake_256(_DOMAIN + key).digest((bits + 7) // 8)
    unpacked = np.unpackbits(np.frombuffer(stream, dtype=np.uint8))[:bits]
    return unpacked.astype(np.bool_)


def secret_messages(
    keys: KeyRing, digests: Sequence[str], *, bits: int
) -> Bool[Tensor, "batch bits"]:
    """The messages of some images, in their order.

    Args:
        keys: the owner's.
        digests: SHA-256 (hex) of the images' pixels; different ones, since equal images would
            have equal messages.
        bits: of each message.

    Raises:
        UsageError: no images, or one of them twice.
    """
    if not digests or len(set(digests)) < len(digests):
        raise UsageError(
            f"expected different hold-out images, got {len(set(digests))} among {len(digests)}; "
            "remove the copies"
        )
    rows = [message_of(keys.key(message_label(digest)), bits=bits) for digest in digests]
    return torch.from_numpy(np.stack(rows))
