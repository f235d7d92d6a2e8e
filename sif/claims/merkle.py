"""The root of a hash tree over leaves in their order, as in RFC 6962, section 2.1.

The hash of a leaf is SHA-256(0x00 ‖ leaf). The hash of more leaves is SHA-256(0x01 ‖ left ‖ right),
where `left` is the hash of the first k leaves, k the largest power of two below their number, and
`right` that of the others. Leaves and inner nodes begin differently, so that neither passes for the
other. Knows nothing of what the leaves say.
"""

import hashlib
from collections.abc import Sequence


def merkle_root(leaves: Sequence[bytes]) -> str:
    """The root in hex digits; of no leaves, SHA-256 of nothing."""
    return _root(leaves).hex()


def _root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _root(leaves[:half]) + _root(leaves[half:])).digest()
