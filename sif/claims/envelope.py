"""Signed statements: an in-toto Statement (v1) in a DSSE envelope (securesystemslib).

The owner's signature is over PAE = `DSSEv1` SP length(type) SP type SP length(payload) SP payload,
with lengths in decimal digits. The payload is canonical, and so is the file, to the byte: one
signature, by the owner's key under its own id. Only where a statement is `shared` (commitments from
version 2 on) others may have signed too, and written the envelope and named keys in their own way.
Knows nothing of what is stated.
"""

import base64
import binascii
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.signer import Signature

from sif.claims.signing import PublicKey, SigningKey
from sif.claims.version import Version, version_of
from sif.errors import ClaimError
from sif.json_once import read_json

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MOST_SIGNATURES: Final = 16


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


class SignatureRecord(_Record):
    """One signature, and whose it says it is; nothing rests on that name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    keyid: str = Field(default="", max_length=1024)
    sig: str = Field(max_length=1 << 16)


class EnvelopeRecord(_Record):
    """The file."""

    payload_type: Literal["application/vnd.in-toto+json"] = Field(alias="payloadType")
    payload: str
    signatures: tuple[SignatureRecord, ...] = Field(min_length=1, max_length=MOST_SIGNATURES)


class Opened(NamedTuple):
    """An envelope, of which no signature has been looked at."""

    envelope: Envelope
    statement: Statement
    version: Version

    def is_signed_by(self, key: PublicKey) -> bool:
        """Whether one of the signatures is this key's, whatever key it names."""
        data = self.envelope.pae()
        found = self.envelope.signatures.values()
        return any(key.is_of(bytes.fromhex(one.signature), data) for one in found)


def seal(statement: Statement, key: SigningKey) -> bytes:
    """The signed statement as a file.

    Raises:
        ClaimError: the key cannot be reached, or a number that not every language reads alike.
    """
    version = version_of(statement.predicate_type)
    payload = version.canonical(statement.model_dump(mode="json", by_alias=True))
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    _sign(envelope, key)
    return version.canonical(envelope.to_dict())


def unseal(data: bytes, key: PublicKey, *, where: str, shared: bool = False) -> Statement:
    """What a signed file states.

    Args:
        data: the file.
        key: whose signature it must hold.
        where: names the file in errors.
        shared: whether others may have signed it too, where its version lets them.

    Raises:
        ClaimError: no envelope, not signed by this key, or another byte than `seal` writes (of a
            shared one: of what is signed).
    """
    opened = open_envelope(data, where=where)
    if not (shared and opened.version.shared):
        _check_plain(opened, data, key, where)
    if not opened.is_signed_by(key):
        raise ClaimError(
            f"the signature of {where} is not that of the owner's key over its content"
        )
    return opened.statement


def open_envelope(data: bytes, *, where: str) -> Opened:
    """Reads an envelope, with no look at its signatures.

    Args:
        data: the file.
        where: names the file in errors.

    Raises:
        ClaimError: no envelope with an in-toto statement in the canonical form of its version, or
            one with two signatures under one name.
    """
    try:
        record = EnvelopeRecord.model_validate(read_json(data))
        envelope = Envelope(
            _decode(record.payload),
            record.payload_type,
            {one.keyid: Signature(one.keyid, _decode(one.sig).hex()) for one in record.signatures},
        )
    except (ValidationError, binascii.Error, ValueError, RecursionError) as error:
        raise ClaimError(
            f"expected a DSSE envelope with an in-toto statement in {where}, got something else"
        ) from error
    if len(envelope.signatures) != len(record.signatures):
        raise ClaimError(
            f"expected one signature under each key id in the DSSE envelope {where}, got several"
        )
    statement = _statement(envelope.payload, where)
    return Opened(envelope, statement, version_of(statement.predicate_type))


def add_signature(data: bytes, key: SigningKey, *, where: str) -> bytes:
    """The file with one more signature, for a statement that others may sign.

    Raises:
        ClaimError: no such statement, one that this key has signed already, or full.
    """
    opened = open_envelope(data, where=where)
    if not opened.version.shared:
        raise ClaimError(
            f"{where} is of version {opened.version.number}, which only its owner signs; commit "
            "anew for one that others may sign"
        )
    name = key.public.key_id
    if opened.is_signed_by(key.public) or name in opened.envelope.signatures:
        raise ClaimError(f"{where} holds a signature of key {name[:16]}… already")
    if len(opened.envelope.signatures) >= MOST_SIGNATURES:
        raise ClaimError(f"expected at most {MOST_SIGNATURES} signatures in {where}")
    _sign(opened.envelope, key)
    return opened.version.canonical(opened.envelope.to_dict())


def stamped_part(data: bytes, *, where: str = "the commitment") -> bytes:
    """What a timestamp over a signed file is over: the whole of it, or its payload if `shared`.

    Raises:
        ClaimError: no envelope.
    """
    opened = open_envelope(data, where=where)
    return opened.envelope.payload if opened.version.shared else data


def _sign(envelope: Envelope, key: SigningKey) -> None:
    name, signature = key.public.key_id, key.sign(envelope.pae())
    envelope.signatures[name] = Signature(name, signature.hex())


def _check_plain(opened: Opened, data: bytes, key: PublicKey, where: str) -> None:
    """One signature, under its own name, in the writing of `seal`."""
    names = list(opened.envelope.signatures)
    if len(names) != 1:
        raise ClaimError(f"expected one signature in the DSSE envelope {where}, got {len(names)}")
    if opened.version.canonical(opened.envelope.to_dict()) != data:
        raise ClaimError(f"expected {where} in canonical JSON, got other bytes")
    if names[0] != key.key_id:
        raise ClaimError(f"{where} names another key than the public key that lies beside it")


def _statement(payload: bytes, where: str) -> Statement:
    try:
        content = read_json(payload)
        statement = Statement.model_validate_json(payload)
        version = version_of(statement.predicate_type)
        same = version.canonical(content) == payload
    except (ValidationError, ValueError, RecursionError) as error:
        raise ClaimError(f"expected an in-toto statement in {where}, got something else") from error
    if not same:
        raise ClaimError(f"expected the statement of {where} in canonical JSON, got other bytes")
    return statement


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
