"""One way to write a value as bytes, so that everybody hashes the same ones.

JSON with sorted keys, no spaces, UTF-8 without escapes, numbers as Python's json writes them (a
float with the fewest digits that read back as the same float).
"""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """The bytes of a value that JSON can hold."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def sha256(data: bytes) -> str:
    """SHA-256 in hex digits."""
    return hashlib.sha256(data).hexdigest()
