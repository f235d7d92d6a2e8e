"""The owner's signing key (Ed25519) and its public half. Knows nothing of what is signed."""

import logging
import stat
from pathlib import Path
from typing import NoReturn, SupportsIndex

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sif.claims.canonical import sha256
from sif.claims.folder import read
from sif.errors import ClaimError, StorageError
from sif.files import write_atomically

logger = logging.getLogger(__name__)


class PublicKey:
    """Checks signatures.

    Attributes:
        pem: the key as SubjectPublicKeyInfo in PEM.
        key_id: SHA-256 (hex) of the SubjectPublicKeyInfo in DER.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @classmethod
    def load(cls, path: Path) -> "PublicKey":
        """The key in a file.

        Raises:
            ClaimError: it is missing, or no Ed25519 public key in PEM.
        """
        return cls.parse(read(path, mend="name the owner's public key"), where=str(path))

    @classmethod
    def parse(cls, pem: bytes, *, where: str) -> "PublicKey":
        """Reads a public key.

        Args:
            pem: its text.
            where: names the file in the error.

        Raises:
            ClaimError: not an Ed25519 public key in PEM.
        """
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ClaimError(
                f"expected an Ed25519 public key in PEM in {where}, got none"
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise ClaimError(f"expected an Ed25519 public key in {where}, got another kind")
        return cls(key)

    def is_of(self, signature: bytes, data: bytes) -> bool:
        """Whether this key's owner signed these bytes."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """The owner's private key. It is not in its repr and cannot be pickled or copied.

    Attributes:
        public: its public half.
    """

    __slots__ = ("__key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self.__key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def open(cls, path: Path) -> "SigningKey":
        """The key in a file (PEM, mode 0600), which is made where there is none.

        Raises:
            ClaimError: the file holds something else.
            StorageError: it cannot be written.
        """
        if not path.exists():
            _write(path, Ed25519PrivateKey.generate())
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """The key in a file.

        Raises:
            ClaimError: it is missing, or holds something else.
        """
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            reason = error.strerror if isinstance(error, OSError) else "it holds something else"
            raise ClaimError(
                f"expected an unencrypted Ed25519 private key (PEM) in {path}: {reason}; name the "
                "owner's with --signing-key"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ClaimError(f"expected an Ed25519 private key in {path}, got another kind")
        if mode & 0o077:
            logger.warning("other users may read %s (mode %04o); run chmod 600 on it", path, mode)
        return cls(key)

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self.__key.sign(data)

    def __repr__(self) -> str:
        return f"SigningKey(key_id={self.public.key_id!r})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a SigningKey cannot be pickled or copied; load it from its file")


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
