"""Keys of every kind, in files that are encrypted or not, and behind URIs."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sif.claims.envelope import Statement, Subject, seal, unseal
from sif.claims.signing import KeyPlace, PublicKey, SigningKey, is_uri
from sif.errors import ClaimError

STATEMENT = Statement.of((Subject(name="x", digest={"sha256": "00"}),), "urn:test", {"a": 1})
PASSPHRASE = "correct horse"
TAKEN: dict[str, Callable[[], object]] = {
    "ed25519": Ed25519PrivateKey.generate,
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}
REFUSED: dict[str, Callable[[], object]] = {
    "p-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "k-256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "short rsa": lambda: rsa.generate_private_key(65537, 1024),
    "dsa": lambda: dsa.generate_private_key(2048),
    "ed448": ed448.Ed448PrivateKey.generate,
}


def pem(key: object, how: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(  # type: ignore[attr-defined,no-any-return]
        Encoding.PEM, PrivateFormat.PKCS8, how or NoEncryption()
    )


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("kind", TAKEN)
def test_every_kind_signs_and_nobody_else_passes_for_it(tmp_path: Path, kind: str) -> None:
    key = SigningKey.load(private(tmp_path / "it", pem(TAKEN[kind]())))
    assert unseal(seal(STATEMENT, key), key.public, where="it") == STATEMENT
    other = SigningKey.load(private(tmp_path / "other", pem(TAKEN[kind]())))
    signature = key.sign(b"data")
    assert key.public.is_of(signature, b"data")
    assert not key.public.is_of(signature, b"date")
    assert not other.public.is_of(signature, b"data")
    assert not key.public.is_of(b"", b"data")


@pytest.mark.parametrize("kind", REFUSED)
def test_other_kinds_are_refused(tmp_path: Path, kind: str) -> None:
    key = REFUSED[kind]()
    with pytest.raises(ClaimError, match="another kind"):
        SigningKey.load(private(tmp_path / "it", pem(key)))
    public = key.public_key().public_bytes(  # type: ignore[attr-defined]
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(ClaimError, match="another kind"):
        PublicKey.parse(public, where="it")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_opens_with_its_passphrase_only(
    tmp_path: Path, form: PrivateFormat, caplog: pytest.LogCaptureFixture
) -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    how = BestAvailableEncryption(PASSPHRASE.encode())
    path = private(tmp_path / "it", made.private_bytes(Encoding.PEM, form, how))
    asked: list[str] = []

    def ask(what: str) -> str:
        asked.append(what)
        return PASSPHRASE

    with caplog.at_level(logging.DEBUG):
        key = SigningKey.load(path, ask)
        assert key.public.is_of(key.sign(b"data"), b"data")
        with pytest.raises(ClaimError, match="passphrase is another one") as wrong:
            SigningKey.load(path, lambda what: f"{PASSPHRASE}!")
        with pytest.raises(ClaimError, match="nobody to ask") as nobody:
            SigningKey.load(path)
    assert asked == [f"passphrase of {path}"]
    place = KeyPlace(where=str(path), ask=ask)
    for text in (caplog.text, str(wrong.value), str(nobody.value), repr(key), repr(place)):
        assert PASSPHRASE not in text
        assert "\n" not in text.rstrip("\n") or text is caplog.text


def test_nobody_is_asked_for_a_key_that_is_not_encrypted(tmp_path: Path) -> None:
    def ask(what: str) -> str:
        raise AssertionError(what)

    SigningKey.open(tmp_path / "it", ask)
    SigningKey.load(tmp_path / "it", ask)


def test_a_key_behind_a_uri_signs_if_it_is_the_one_that_was_named(tmp_path: Path) -> None:
    path, public = private(tmp_path / "it", pem(Ed25519PrivateKey.generate())), tmp_path / "p.pem"
    public.write_bytes(SigningKey.load(path).public.pem)
    place = KeyPlace(where=f"file2:{path}", public=public)
    key = place.load(tmp_path / "none", tmp_path / "none")
    assert unseal(seal(STATEMENT, key), key.public, where="it") == STATEMENT
    other = SigningKey.open(tmp_path / "other").public
    with pytest.raises(ClaimError, match="cannot sign with file2"):
        SigningKey.reach(f"file2:{path}", other)
    with pytest.raises(ClaimError, match="signing-public-key"):
        KeyPlace(where=f"file2:{path}").load(tmp_path / "none", tmp_path / "none")


@pytest.mark.parametrize(
    "uri", ["hsm:2", "awskms:arn:aws:kms:x", "gnupg:", "file2:/nowhere", "file2:", "hv:x"]
)
def test_what_cannot_be_reached_is_said_in_one_line(tmp_path: Path, uri: str) -> None:
    public = SigningKey.open(tmp_path / "it").public
    with pytest.raises(ClaimError, match="cannot sign with") as caught:
        SigningKey.reach(uri, public).sign(b"data")
    assert "\n" not in str(caught.value)


def test_a_signature_of_another_key_than_was_named_is_never_written(tmp_path: Path) -> None:
    from securesystemslib.signer import CryptoSigner

    liar = SigningKey(CryptoSigner.generate_ed25519(), SigningKey.open(tmp_path / "it").public)
    with pytest.raises(ClaimError, match="got another key"):
        liar.sign(b"data")


def test_paths_are_no_uris() -> None:
    assert [is_uri(one) for one in ("hsm:", "hsm:2?label=a", "gcpkms:projects/x")] == [True] * 3
    assert [is_uri(one) for one in ("my.key", "a/b:c", "C:\\keys\\my.key", "x:y")] == [False] * 4
