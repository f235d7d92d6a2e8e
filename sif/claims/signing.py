"""Keys that sign: files, encrypted or not, and whatever securesystemslib reaches by a URI.

Ed25519 is what we make; ECDSA (P-256, P-384) and RSA keys from 2048 bits are taken too. A key is
known by SHA-256 of its SubjectPublicKeyInfo, whatever others call it. Knows nothing of what is
signed, and asks nobody for a passphrase: that is handed in as a function.
"""

import logging
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, SupportsIndex

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib import exceptions, signer

from sif.claims.canonical import sha256
from sif.claims.folder import read
from sif.errors import ClaimError, StorageError
from sif.files import write_atomically
from sif.plain_files import read_file

KINDS: Final = "Ed25519, ECDSA (P-256 or P-384) or RSA (2048 bits or more)"
SMALLEST_RSA: Final = 2048
LARGEST_RSA: Final = 8192
RSA_SCHEMES: Final = (signer.RSASSA_PSS_SHA256, signer.RSA_PKCS1V15_SHA256)
ENCRYPTED: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")
URI: Final = re.compile(r"([a-z0-9]+):.*", re.DOTALL)

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
AnyPublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey
Ask = Callable[[str], str]

logger = logging.getLogger(__name__)


class PublicKey:
    """Checks signatures.

    Attributes:
        pem: the key as SubjectPublicKeyInfo in PEM.
        key_id: SHA-256 (hex) of the SubjectPublicKeyInfo in DER.
    """

    def __init__(self, key: AnyPublicKey) -> None:
        self.pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        schemes = RSA_SCHEMES if isinstance(key, RSAPublicKey) else (None,)
        self._keys = [signer.SSlibKey.from_crypto(key, self.key_id, one) for one in schemes]

    @classmethod
    def load(cls, path: Path) -> "PublicKey":
        """The key in a file.

        Raises:
            ClaimError: it is missing, or no public key in PEM of a kind that is taken.
        """
        return cls.parse(read(path, mend="name the owner's public key"), where=str(path))

    @classmethod
    def parse(cls, pem: bytes, *, where: str) -> "PublicKey":
        """Reads a public key.

        Args:
            pem: its text.
            where: names the file in the error.

        Raises:
            ClaimError: no public key in PEM, or one of a kind that is not taken.
        """
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ClaimError(f"expected a public key in PEM in {where}, got none") from error
        if not _is_taken(key):
            raise ClaimError(f"expected a public key of {KINDS} in {where}, got another kind")
        return cls(key)  # type: ignore[arg-type]

    @property
    def for_library(self) -> signer.SSlibKey:
        """The key as securesystemslib has it."""
        return self._keys[0]

    def is_of(self, signature: bytes, data: bytes) -> bool:
        """Whether this key's owner signed these bytes."""
        for key in self._keys:
            try:
                key.verify_signature(signer.Signature(key.keyid, signature.hex()), data)
            except exceptions.UnverifiedSignatureError:
                continue
            return True
        return False


class SigningKey:
    """A private key, or the way to one. It is not in its repr and cannot be pickled or copied.

    Attributes:
        public: its public half.
    """

    __slots__ = ("__signer", "public")

    def __init__(self, by: signer.Signer, public: PublicKey) -> None:
        self.__signer = by
        self.public = public

    @classmethod
    def of(cls, key: PrivateKey) -> "SigningKey":
        """A key that is at hand."""
        public = PublicKey(key.public_key())
        return cls(signer.CryptoSigner(key, public.for_library), public)

    @classmethod
    def open(cls, path: Path, ask: Ask | None = None) -> "SigningKey":
        """The key in a file (PEM, mode 0600), which is made (Ed25519) where there is none.

        Raises:
            ClaimError: as of `load`.
            StorageError: it cannot be written.
        """
        if not path.exists():
            _write(path, Ed25519PrivateKey.generate())
        return cls.load(path, ask)

    @classmethod
    def load(cls, path: Path, ask: Ask | None = None) -> "SigningKey":
        """The key in a file.

        Args:
            path: of the PEM, encrypted or not.
            ask: gives the passphrase, told what is asked for; called for an encrypted file only.

        Raises:
            ClaimError: it is missing, holds something else, or is encrypted and the passphrase is
                another one or cannot be asked for.
        """
        try:
            mode, pem = stat.S_IMODE(path.stat().st_mode), read_file(path)
        except OSError as error:
            raise ClaimError(
                f"expected a private key (PEM) in {path}: {error.strerror}; name the owner's with "
                "--signing-key"
            ) from error
        if mode & 0o077:
            logger.warning("other users may read %s (mode %04o); run chmod 600 on it", path, mode)
        return cls.of(_parse(pem, path, ask))

    @classmethod
    def reach(cls, uri: str, public: PublicKey, ask: Ask | None = None) -> "SigningKey":
        """The key behind a private key URI of securesystemslib, as in a PKCS#11 token or a KMS.

        Args:
            uri: `hsm:`, `awskms:`, `gcpkms:`, `azurekms:`, `hv:`, `file2:` and so on.
            public: its public half.
            ask: gives a PIN or passphrase, told what is asked for.

        Raises:
            ClaimError: it cannot be reached, or is not the private half of `public`.
        """
        try:
            by = signer.Signer.from_priv_key_uri(uri, public.for_library, ask or _nobody)
        except (exceptions.Error, ValueError, TypeError, OSError, RuntimeError) as error:
            raise _unreachable(uri, error) from error
        return cls(by, public)

    def sign(self, data: bytes) -> bytes:
        """The signature.

        Raises:
            ClaimError: the key cannot be reached, or is not the private half of `public`.
        """
        try:
            signature = bytes.fromhex(self.__signer.sign(data).signature)
        except (exceptions.Error, ValueError, TypeError, OSError, RuntimeError) as error:
            raise _unreachable("the signing key", error) from error
        if not self.public.is_of(signature, data):
            raise ClaimError(
                f"expected the private half of key {self.public.key_id[:16]}… behind --signing-key,"
                " got another key; give the public key that belongs to it"
            )
        return signature

    def __repr__(self) -> str:
        return f"SigningKey(key_id={self.public.key_id!r})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a SigningKey cannot be pickled or copied; load it from its file")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Where a signing key is to be had, before it is needed.

    Attributes:
        where: path of a PEM file, or a private key URI; the file in the claim where None.
        public: PEM file of the public half, for a URI; that in the claim where None.
        ask: gives a passphrase or PIN, told what is asked for; nobody is asked where None.
    """

    where: str | None = None
    public: Path | None = None
    ask: Ask | None = None

    def load(self, private: Path, public: Path, *, make: bool = False) -> SigningKey:
        """The key.

        Args:
            private: of the claim.
            public: of the claim.
            make: whether to make a file that is missing.

        Raises:
            ClaimError: no such key.
            StorageError: it cannot be written.
        """
        if self.where is not None and is_uri(self.where):
            mend = "give the public half of the key with --signing-public-key"
            pem = read(self.public or public, mend=mend)
            known = PublicKey.parse(pem, where=str(self.public or public))
            return SigningKey.reach(self.where, known, self.ask)
        path = private if self.where is None else Path(self.where)
        return (SigningKey.open if make else SigningKey.load)(path, self.ask)


def is_uri(where: str) -> bool:
    """Whether this names a key by a URI that securesystemslib knows, and not by a path."""
    found = URI.fullmatch(where)
    return found is not None and found[1] in signer.SIGNER_FOR_URI_SCHEME


def _parse(pem: bytes, path: Path, ask: Ask | None) -> PrivateKey:
    password = None
    if any(sign in pem for sign in ENCRYPTED):
        password = (ask or _nobody)(f"passphrase of {path}").encode()
    try:
        key = load_pem_private_key(pem, password=password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        what = "got something else" if password is None else "the passphrase is another one"
        raise ClaimError(
            f"expected a private key (PEM) in {path}: {what}; name the owner's with --signing-key"
        ) from error
    if not _is_taken(key):
        raise ClaimError(f"expected a private key of {KINDS} in {path}, got another kind")
    return key  # type: ignore[return-value]


def _is_taken(key: object) -> bool:
    match key:
        case Ed25519PrivateKey() | Ed25519PublicKey():
            return True
        case EllipticCurvePrivateKey() | EllipticCurvePublicKey():
            return isinstance(key.curve, SECP256R1 | SECP384R1)
        case RSAPrivateKey() | RSAPublicKey():
            return SMALLEST_RSA <= key.key_size <= LARGEST_RSA
    return False


def _nobody(what: str) -> str:
    raise ClaimError(f"expected the {what}, and there is nobody to ask for it")


def _unreachable(what: str, error: Exception) -> ClaimError:
    reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    return ClaimError(f"cannot sign with {what}: {reason}")


def _write(path: Path, key: Ed25519PrivateKey) -> None:
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def write_private(path: Path, content: bytes) -> None:
    """Writes a file whole, for its owner's eyes only, that never replaces another.

    Raises:
        StorageError: it exists already, or the disk refuses.
    """
    if path.exists():
        raise StorageError(f"{path} exists already, and what is private is never overwritten")
    write_atomically(path, content, mode=0o600)
