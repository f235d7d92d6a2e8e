"""Signed statements: an in-toto Statement (v1) in a DSSE envelope with one Ed25519 signature.

The signature is over PAE = `DSSEv1` SP length(type) SP type SP length(payload) SP payload, with
lengths in decimal digits. The file is the canonical JSON of the envelope, to the byte, so that its
digest is one of its content. Knows nothing of what is stated.
"""

import base64
import binascii
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.claims.canonical import canonical
from sif.claims.signing import PublicKey, SigningKey
from sif.errors import ClaimError

PAYLOAD_TYPE: Literal["application/vnd.in-toto+json"] = "application/vnd.in-toto+json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Subject(_Record):
    """What a statement is about: a name, and digests by the name of their algorithm."""

    name: str
    digest: dict[str, str]


class Statement(_Record):
    """An in-toto Statement: this predicate holds of these subjects."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(
        default="https://in-toto.io/Statement/v1", alias="_type"
    )
    subject: tuple[Subject, ...]
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]

    @classmethod
    def of(
        cls, subject: tuple[Subject, ...], predicate_type: str, predicate: dict[str, Any]
    ) -> "Statement":
        """A statement in our own words."""
        return cls.model_validate(
            {"subject": subject, "predicateType": predicate_type, "predicate": predicate}
        )


class Signature(_Record):
    """One signature, and whose it is."""

    keyid: str
    sig: str


class Envelope(_Record):
    """A DSSE envelope."""

    payload_type: Literal["application/vnd.in-toto+json"] = Field(
        default=PAYLOAD_TYPE, alias="payloadType"
    )
    payload: str
    signatures: tuple[Signature]


def seal(statement: Statement, key: SigningKey) -> bytes:
    """The signed statement as a file."""
    payload = canonical(statement.model_dump(mode="json", by_alias=True))
    signature = Signature(keyid=key.public.key_id, sig=_encode(key.sign(_encoding(payload))))
    envelope = Envelope(payload=_encode(payload), signatures=(signature,))
    return canonical(envelope.model_dump(mode="json", by_alias=True))


def unseal(data: bytes, key: PublicKey, *, where: str) -> Statement:
    """What a signed file states.

    Args:
        data: the file.
        key: whose signature it must be.
        where: names the file in errors.

    Raises:
        ClaimError: no envelope, another byte than `seal` writes, or not signed by this key.
    """
    try:
        envelope = Envelope.model_validate_json(data)
        payload = base64.b64decode(envelope.payload, validate=True)
        signature = base64.b64decode(envelope.signatures[0].sig, validate=True)
    except (ValidationError, binascii.Error, ValueError) as error:
        raise ClaimError(
            f"expected a DSSE envelope with an in-toto statement in {where}, got something else"
        ) from error
    again = envelope.model_dump(mode="json", by_alias=True) | {"payload": _encode(payload)}
    again["signatures"][0]["sig"] = _encode(signature)
    if canonical(again) != data:
        raise ClaimError(f"expected {where} in canonical JSON, got other bytes")
    if envelope.signatures[0].keyid != key.key_id:
        raise ClaimError(f"{where} names another key than the public key that lies beside it")
    if not key.is_of(signature, _encoding(payload)):
        raise ClaimError(
            f"the signature of {where} is not that of the owner's key over its content"
        )
    return _statement(payload, where)


def _statement(payload: bytes, where: str) -> Statement:
    try:
        statement = Statement.model_validate_json(payload)
        same = canonical(json.loads(payload)) == payload
    except (ValidationError, ValueError) as error:
        raise ClaimError(f"expected an in-toto statement in {where}, got something else") from error
    if not same:
        raise ClaimError(f"expected the statement of {where} in canonical JSON, got other bytes")
    return statement


def _encoding(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b" ".join(
        [b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload]
    )


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
