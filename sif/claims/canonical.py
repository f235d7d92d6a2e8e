"""One way to write a value as bytes, so that everybody hashes the same ones.

`jcs` is RFC 8785 (JSON Canonicalization Scheme) over I-JSON: libraries of many languages write the
same bytes. `canonical` is what version 1 of a claim wrote: JSON with sorted keys, no spaces, UTF-8
without escapes, numbers as Python's json writes them (1.0, 1e-06); it is only read by now. Which
of the two holds for a signed statement, its type says (`sif.claims.version`).
"""

import hashlib
import json
from typing import Any, Final

import rfc8785

from sif.errors import ClaimError

LARGEST: Final = 2**53 - 1


def canonical(value: Any) -> bytes:
    """The bytes of version 1 of a value that JSON can hold."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def jcs(value: Any) -> bytes:
    """The bytes of a value that I-JSON can hold, by RFC 8785.

    Raises:
        ClaimError: a number beyond ±(2^53 − 1), which not every language reads as the same one, no
            number, text that is not Unicode, or something that JSON has no form for.
    """
    _check_numbers(value)
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ClaimError(
            f"expected values that JSON can hold (RFC 8785): {str(error)[:100]}"
        ) from error


def _check_numbers(value: Any) -> None:
    match value:
        case dict():
            for one in value.values():
                _check_numbers(one)
        case list() | tuple():
            for one in value:
                _check_numbers(one)
        case int() | float() if not -LARGEST <= value <= LARGEST:
            raise ClaimError(
                f"expected numbers between ±(2^53 − 1), which every language reads alike (I-JSON), "
                f"got {str(value)[:30]}"
            )


def sha256(data: bytes) -> str:
    """SHA-256 in hex digits."""
    return hashlib.sha256(data).hexdigest()
