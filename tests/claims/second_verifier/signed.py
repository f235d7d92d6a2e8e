"""What is signed and timestamped: statements, the tree of leaves, tokens."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .checking import UnknownFormError

COMMITMENT, LIST = "claim/commitment.dsse.json", "run/reveal.dsse.json"


def payload_of(envelope: bytes) -> bytes:
    return base64.b64decode(json.loads(envelope)["payload"], validate=True)


def statement(envelope: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload_of(envelope))
    kinds = {"urn:sif:claim:commitment:1", "urn:sif:claim:commitment:2"}
    kinds |= {"urn:sif:claim:reveal:1", "urn:sif:claim:reveal:2"}
    if found["predicateType"] not in kinds:
        raise UnknownFormError(found["predicateType"])
    return found


def merkle(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, from the leaves upwards: neighbours are joined, an odd one rises."""
    row = [hashlib.sha256(b"\0" + one).digest() for one in leaves]
    while len(row) > 1:
        pairs = [row[at : at + 2] for at in range(0, len(row), 2)]
        row = [hashlib.sha256(b"\1" + b"".join(p)).digest() if len(p) == 2 else p[0] for p in pairs]
    return row[0]


def enumerated(manifest: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from enumerate(manifest["triggers"], start=1)


def leaf(number: int, trigger: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("id", "prompt", "generation", "key_commitment")
    return {
        "leaf": "trigger",
        "number": number,
        "image_sha256": trigger["sha256"],
        "base_sha256": trigger.get("base_sha256"),
        **{name: trigger[name] for name in kept},
    }


def token(response: bytes) -> tuple[bytes, bytes]:
    """What a timestamp is over, and the value of its signature (RFC 3161 and 5652)."""
    (_, inside), *_ = elements(response)
    (_, content_info) = elements(inside)[1]
    signed = elements(elements(elements(content_info)[1][1])[0][1])
    encapsulated = elements(signed[2][1])[1][1]
    info = elements(elements(elements(encapsulated)[0][1])[0][1])
    imprint = elements(info[2][1])[1][1]
    signer = elements(elements(signed[-1][1])[0][1])
    return imprint, next(content for tag, content in signer if tag == 4)


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """The values of DER that stand one behind the other: tag and content."""
    found, at = [], 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size > 127:
            more = size - 128
            size, at = int.from_bytes(data[at : at + more], "big"), at + more
        found.append((tag, data[at : at + size]))
        at += size
    return found
