"""Just enough DER (the encoding of ASN.1) to find a token's signature and a request's nonce.

A token is a CMS SignedData (RFC 5652). Of its bytes only the signed ones are fixed by the
authority: certificates, algorithm names and unsigned attributes around them can be changed by
anybody, and the token still verifies. The value of the signature cannot.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sif.errors import ClaimError

_INTEGER: Final = 0x02
_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_OCTETS: Final = 0x04
_CONTEXT_0: Final = 0xA0


class Element(NamedTuple):
    """One value: its tag and its content."""

    tag: int
    content: bytes


def signature_of(token: bytes) -> bytes:
    """The value of the only signature in a SignedData.

    Raises:
        ClaimError: not DER, not a SignedData, or not exactly one signature.
    """
    content_info = _only(token)
    wrapped = [element for element in _elements(content_info) if element.tag == _CONTEXT_0]
    if len(wrapped) != 1:
        raise ClaimError("expected a timestamp token, got other content")
    signed_data = _only(wrapped[0].content)
    signers = list(_elements(signed_data))[-1:]
    if not signers or signers[0].tag != _SET:
        raise ClaimError("expected a timestamp token that ends with its signatures")
    infos = _inside(signers[0].content, _SEQUENCE)
    if len(infos) != 1:
        raise ClaimError(f"expected one signature in the timestamp token, got {len(infos)}")
    values = [element.content for element in _elements(infos[0]) if element.tag == _OCTETS]
    if len(values) != 1 or not values[0]:
        raise ClaimError("expected the value of a signature in the timestamp token, got none")
    return values[0]


def nonce_of(request: bytes) -> int:
    """The nonce of a timestamp request.

    Raises:
        ClaimError: not a request with a nonce.
    """
    content = _only(request)
    numbers = [element.content for element in _elements(content) if element.tag == _INTEGER]
    if len(numbers) != 2:
        raise ClaimError("expected a timestamp request (RFC 3161) with a nonce, got other bytes")
    return int.from_bytes(numbers[1], "big", signed=True)


def _only(data: bytes) -> bytes:
    """The content of the one sequence that the data are."""
    found = _inside(data, _SEQUENCE)
    if len(found) != 1:
        raise ClaimError("expected one ASN.1 sequence, got several")
    return found[0]


def _inside(data: bytes, tag: int) -> list[bytes]:
    """The contents of elements that must all have this tag."""
    found = list(_elements(data))
    if not found or any(element.tag != tag for element in found):
        raise ClaimError("expected a timestamp token or request in DER, got something else")
    return [element.content for element in found]


def _elements(data: bytes) -> Iterator[Element]:
    start = 0
    while start < len(data):
        tag, length, head = _head(data, start)
        end = start + head + length
        if end > len(data):
            raise ClaimError("expected a timestamp token, got one that is cut short")
        yield Element(tag, data[start + head : end])
        start = end


def _head(data: bytes, start: int) -> tuple[int, int, int]:
    """Tag, length of the content, and length of both as they are written."""
    if start + 2 > len(data) or data[start] & 0x1F == 0x1F:
        raise ClaimError("expected a timestamp token in DER, got something else")
    short = data[start + 1]
    if short < 0x80:
        return data[start], short, 2
    size = short & 0x7F
    digits = data[start + 2 : start + 2 + size]
    if not 1 <= size <= 4 or len(digits) < size:
        raise ClaimError("expected a timestamp token in DER, got a length of another form")
    return data[start], int.from_bytes(digits, "big"), 2 + size
