import base64
import copy
import json
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sif.claims.canonical import canonical
from sif.claims.envelope import Statement, Subject, seal, unseal
from sif.claims.signing import PublicKey, SigningKey
from sif.errors import ClaimError

STATEMENT = Statement.of((Subject(name="x", digest={"sha256": "00"}),), "urn:test", {"a": 1})


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.open(tmp_path / "mine.key")


def test_what_was_sealed_is_read_back(key: SigningKey) -> None:
    assert unseal(seal(STATEMENT, key), key.public, where="it") == STATEMENT


def test_anybody_can_check_the_signature_by_the_text_of_dsse(key: SigningKey) -> None:
    envelope = json.loads(seal(STATEMENT, key))
    payload = base64.b64decode(envelope["payload"])
    kind = b"application/vnd.in-toto+json"
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    public = load_pem_public_key(key.public.pem)
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)  # type: ignore[union-attr,call-arg]
    assert json.loads(payload) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": "00"}}],
        "predicateType": "urn:test",
        "predicate": {"a": 1},
    }


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_any_other_byte_is_refused(key: SigningKey, place: int) -> None:
    data = bytearray(seal(STATEMENT, key))
    data[place % len(data)] ^= 1
    with pytest.raises(ClaimError) as caught:
        unseal(bytes(data), key.public, where="it")
    assert "\n" not in str(caught.value)


def test_other_writings_of_the_same_are_refused(key: SigningKey) -> None:
    envelope = json.loads(seal(STATEMENT, key))
    for other in (json.dumps(envelope).encode(), canonical(envelope) + b"\n"):
        with pytest.raises(ClaimError, match="canonical"):
            unseal(other, key.public, where="it")
    envelope["signatures"] *= 2
    with pytest.raises(ClaimError, match="DSSE"):
        unseal(canonical(envelope), key.public, where="it")


def test_another_key_does_not_open_it(key: SigningKey) -> None:
    other = PublicKey(Ed25519PrivateKey.generate().public_key())
    with pytest.raises(ClaimError, match="another key"):
        unseal(seal(STATEMENT, key), other, where="it")


def test_the_private_key_is_private(key: SigningKey, tmp_path: Path) -> None:
    path = tmp_path / "mine.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.open(path).public.key_id == key.public.key_id
    assert "PRIVATE" not in repr(key)
    for act in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            act(key)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\xff" * 40])
def test_what_is_no_key_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "it").write_bytes(content)
    for act in (
        lambda: SigningKey.load(tmp_path / "it"),
        lambda: PublicKey.parse(content, where="it"),
    ):
        with pytest.raises(ClaimError, match="expected a p") as caught:
            act()
        assert "\n" not in str(caught.value)
