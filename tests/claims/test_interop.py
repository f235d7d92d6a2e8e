"""Tools of others on our files: securesystemslib, in-toto-attestation and openssl."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementProto
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from sif.claims.envelope import Statement as OurStatement
from sif.claims.envelope import open_envelope, seal
from sif.claims.signing import SigningKey
from sif.claims.timestamp import Token
from tests.claims.authority import Authority
from tests.claims.made import Files

GOLDEN = Path(__file__).parents[1] / "golden"
SIGNED = ("claim/commitment.dsse.json", "run/reveal.dsse.json")


@pytest.fixture(params=["version 2", "version 1"])
def bundle(request: pytest.FixtureRequest, files: Files, tmp_path: Path) -> Files:
    """A bundle of today, and one of before."""
    if request.param == "version 2":
        return files
    from sif.claims.bundle import open_bundle

    found = open_bundle(GOLDEN / "claim.zip", tmp_path / "golden")
    return {name: path.read_bytes() for name, path in found.items()}


@pytest.fixture
def root(bundle: Files, files: Files, authority: Authority) -> Path:
    return authority.root if bundle is files else GOLDEN / "root.pem"


def openssl(folder: Path, *arguments: str, **contents: bytes) -> str:
    """What openssl says; contents go into files of these names before."""
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    outcome = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, timeout=60, cwd=folder
    )
    return outcome.stdout + outcome.stderr if outcome.returncode == 0 else ""


@pytest.mark.parametrize("name", SIGNED)
def test_securesystemslib_verifies_our_envelopes(bundle: Files, name: str) -> None:
    envelope = Envelope.from_dict(json.loads(bundle[name]))
    public = load_pem_public_key(bundle["claim/public.pem"])
    (key_id,) = envelope.signatures
    key = SSlibKey.from_crypto(public, keyid=key_id)  # type: ignore[arg-type]
    assert envelope.verify([key], 1) == {key_id: key}
    other = SSlibKey.from_crypto(
        CryptoSigner.generate_ed25519().public_key._crypto_key(), keyid=key_id
    )
    with pytest.raises(VerificationError):
        envelope.verify([other], 1)


@pytest.mark.parametrize("name", SIGNED)
def test_in_toto_attestation_takes_our_statements(bundle: Files, name: str) -> None:
    payload = base64.b64decode(json.loads(bundle[name])["payload"])
    message = json_format.Parse(payload, StatementProto())
    statement = Statement.copy_from_pb(message)
    statement.validate()
    written = json.loads(payload)
    assert statement.pb.predicate_type == written["predicateType"]
    assert [one.name for one in statement.pb.subject] == [one["name"] for one in written["subject"]]
    assert dict(statement.pb.subject[0].digest) == written["subject"][0]["digest"]


def test_openssl_verifies_the_timestamps(bundle: Files, root: Path, tmp_path: Path) -> None:
    commitment = bundle["claim/commitment.dsse.json"]
    payload = base64.b64decode(json.loads(commitment)["payload"])
    stamped = payload if b"claim:commitment:2" in payload else commitment
    for token, data in (
        (bundle["claim/timestamp.tsr"], stamped),
        (bundle["claim/anchor.tsr"], bundle["claim/beforehand.json"]),
    ):
        then = int(Token.parse(token).time.timestamp())  # certificates for tests do not last
        verify = ("ts", "-verify", "-CAfile", str(root), "-attime", str(then))
        verify += ("-in", "token", "-data", "data")
        assert "Verification: OK" in openssl(tmp_path, *verify, token=token, data=data)
        assert "OK" not in openssl(tmp_path, *verify, token=token, data=data + b" ")


@pytest.mark.parametrize("name", SIGNED)
def test_openssl_verifies_the_signature(bundle: Files, tmp_path: Path, name: str) -> None:
    envelope = json.loads(bundle[name])
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    public = bundle["claim/public.pem"]
    verify = ("pkeyutl", "-verify", "-pubin", "-inkey", "public", "-rawin", "-in", "data")
    verify += ("-sigfile", "signature")
    said = openssl(tmp_path, *verify, public=public, data=signed, signature=signature)
    assert "Verified Successfully" in said
    assert not openssl(tmp_path, *verify, public=public, data=signed + b" ", signature=signature)
    openssl(tmp_path, "pkey", "-pubin", "-in", "public", "-outform", "DER", "-out", "der")
    key_id = hashlib.sha256((tmp_path / "der").read_bytes()).hexdigest()
    assert key_id == envelope["signatures"][0]["keyid"]


KINDS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "p-256": (lambda: ec.generate_private_key(ec.SECP256R1()), ("-sha256",)),
    "rsa": (
        lambda: rsa.generate_private_key(65537, 2048),
        ("-sha256", "-sigopt", "rsa_padding_mode:pss"),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_verifies_other_kinds_of_keys(tmp_path: Path, kind: str) -> None:
    make, options = KINDS[kind]
    key = SigningKey.of(make())
    sealed = seal(OurStatement.of((), "urn:test", {"a": 1}), key)
    opened = open_envelope(sealed, where="it")
    (signature,) = opened.envelope.signatures.values()
    verify = ("dgst", *options, "-verify", "public", "-signature", "signature", "data")
    said = openssl(
        tmp_path,
        *verify,
        public=key.public.pem,
        data=opened.envelope.pae(),
        signature=bytes.fromhex(signature.signature),
    )
    assert "Verified OK" in said


@pytest.mark.parametrize("kind", ["ed25519", "EC -pkeyopt ec_paramgen_curve:P-384", "RSA"])
def test_an_encrypted_key_of_openssl_signs(tmp_path: Path, kind: str) -> None:
    make = ("genpkey", "-algorithm", *kind.split(), "-aes-256-cbc", "-pass", "pass:horse")
    openssl(tmp_path, *make, "-out", "key")
    (tmp_path / "key").chmod(0o600)
    key = SigningKey.load(tmp_path / "key", lambda what: "horse")
    assert key.public.is_of(key.sign(b"data"), b"data")
