"""The root of a hash tree over leaves in their order, as in RFC 6962, section 2.1, and its paths.

The hash of a leaf is SHA-256(0x00 ‖ leaf). The hash of more leaves is SHA-256(0x01 ‖ left ‖ right),
where `left` is the hash of the first k leaves, k the largest power of two below their number, and
`right` that of the others. Leaves and inner nodes begin differently, so that neither passes for the
other. The path of a leaf holds the hashes beside its way to the root, the lowest first (RFC 6962,
2.1.1; checked as in RFC 9162, 2.1.3.2). Knows nothing of what the leaves say.
"""

import hashlib
from collections.abc import Sequence

from sif.errors import ClaimError


def merkle_root(leaves: Sequence[bytes]) -> str:
    """The root in hex digits; of no leaves, SHA-256 of nothing."""
    return _Tree(leaves).hash(0, len(leaves)).hex()


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The path of one leaf, 32 bytes a step; none of a single leaf."""
    return inclusion_paths(leaves, [index])[0]


def inclusion_paths(leaves: Sequence[bytes], indices: Sequence[int]) -> list[list[bytes]]:
    """The paths of several leaves, for little more than that of one."""
    tree = _Tree(leaves)
    return [tree.path(index, 0, len(leaves)) for index in indices]


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> str:
    """The root in hex digits of the tree of `size` leaves whose leaf at `index` has this path.

    Raises:
        ClaimError: no such place in a tree of this size, or a path of another length.
    """
    if not 0 <= index < size:
        raise ClaimError(f"expected a leaf among {size}, got number {index + 1}")
    place, last, node = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for beside in path:
        if last == 0:
            raise ClaimError(f"the path of leaf {index + 1} of {size} is too long")
        if place & 1 or place == last:
            node = _inner(beside, node)
            while place and not place & 1:  # the last leaf of a level moves up alone
                place, last = place >> 1, last >> 1
        else:
            node = _inner(node, beside)
        place, last = place >> 1, last >> 1
    if last:
        raise ClaimError(f"the path of leaf {index + 1} of {size} is too short")
    return node.hex()


class _Tree:
    """Hashes of ranges of leaves, each computed once."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves
        self._known: dict[tuple[int, int], bytes] = {}

    def hash(self, start: int, end: int) -> bytes:
        if (start, end) not in self._known:
            self._known[start, end] = self._hash(start, end)
        return self._known[start, end]

    def path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start <= 1:
            return []
        half = start + _half(end - start)
        if index < half:
            return [*self.path(index, start, half), self.hash(half, end)]
        return [*self.path(index, half, end), self.hash(start, half)]

    def _hash(self, start: int, end: int) -> bytes:
        if start == end:
            return hashlib.sha256().digest()
        if end - start == 1:
            return hashlib.sha256(b"\x00" + self._leaves[start]).digest()
        half = start + _half(end - start)
        return _inner(self.hash(start, half), self.hash(half, end))


def _half(size: int) -> int:
    """The largest power of two below a size."""
    return int(1 << (size - 1).bit_length() - 1)


def _inner(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
