"""The owner's secret and the keys that follow from it.

One secret of 32 random bytes serves a whole fingerprint. The key of a trigger is an HMAC of its
label, so keys of different triggers are independent to everybody without the secret, and one key
can be shown to a judge without giving the others away. Knows nothing of words or images.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Final, NoReturn, SupportsIndex

from sif.errors import StorageError, UsageError

SECRET_BYTES: Final = 32
HEADER: Final = "sif-key-ring 1"
_KEY_DOMAIN: Final = b"sif green key 1\x00"
_COMMITMENT_DOMAIN: Final = b"sif key commitment 1\x00"

logger = logging.getLogger(__name__)


class KeyRing:
    """One secret, from which the key of every trigger follows.

    The secret leaves this object only through `save`. It is not in its repr, and the object
    cannot be pickled or copied.

    Args:
        secret: exactly 32 bytes; `KeyRing.generate()` draws them.

    Raises:
        UsageError: another length.
    """

    __slots__ = ("__secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise UsageError(
                f"expected a secret of {SECRET_BYTES} bytes, got {len(secret)}; "
                "draw one with KeyRing.generate()"
            )
        self.__secret = bytes(secret)

    @classmethod
    def generate(cls) -> "KeyRing":
        """A new secret from the operating system's random source."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def load(cls, path: str | Path) -> "KeyRing":
        """Reads what `save` wrote.

        Raises:
            StorageError: no such file, or not a key file of this version.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="ascii")
            mode = stat.S_IMODE(path.stat().st_mode)
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"cannot read the key file {path}: {_why(error)}") from error
        if mode & 0o077:
            logger.warning("other users may read %s (mode %04o); run chmod 600 on it", path, mode)
        lines = text.splitlines()
        if len(lines) != 2 or lines[0] != HEADER or not re.fullmatch("[0-9a-f]{64}", lines[1]):
            raise StorageError(
                f"expected {path} to hold the line {HEADER!r} and a line of 64 hex digits, "
                "got something else; restore it from your backup"
            )
        return cls(bytes.fromhex(lines[1]))

    def save(self, path: str | Path) -> None:
        """Writes the secret, readable by its owner only; the file appears whole or not at all.

        Raises:
            StorageError: the file exists already, or the disk refuses.
        """
        path = Path(path)
        content = f"{HEADER}\n{self.__secret.hex()}\n"
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            staging = Path(name)
            try:
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                _publish(staging, path)
            finally:
                staging.unlink(missing_ok=True)
        except FileExistsError as error:
            raise StorageError(
                f"{path} exists already, and a secret is never overwritten; "
                "name another file or move this one away"
            ) from error
        except OSError as error:
            raise StorageError(f"cannot write the key file {path}: {_why(error)}") from error

    def key(self, label: str) -> bytes:
        """The key of the trigger with this label: HMAC-SHA256 under the secret, 32 bytes.

        Raises:
            UsageError: an empty label, or one that is not valid Unicode.
        """
        try:
            message = label.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UsageError(f"expected a key label in valid Unicode, got {label!r}") from error
        if not message:
            raise UsageError("expected a key label, got an empty one; use the trigger's id")
        return hmac.digest(self.__secret, _KEY_DOMAIN + message, "sha256")

    def commitment(self, label: str) -> str:
        """What may be published about the key of this label before it is revealed."""
        return commitment_of(self.key(label))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyRing):
            return NotImplemented
        return hmac.compare_digest(self.__secret, other.__secret)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "KeyRing(secret=<hidden>)"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a KeyRing cannot be pickled or copied; save it to a file and load that")


def commitment_of(key: bytes) -> str:
    """SHA-256 (hex) over a key: binds its owner to it and, as keys are random, hides it.

    A judge to whom the key is revealed compares this with the commitment in the manifest.
    """
    return hashlib.sha256(_COMMITMENT_DOMAIN + key).hexdigest()


def _publish(staging: Path, path: Path) -> None:
    """Gives a finished file its name, without ever replacing another."""
    try:
        path.hardlink_to(staging)
    except FileExistsError:
        raise
    except OSError:  # some network and memory-card file systems have no hard links
        if path.exists():
            raise FileExistsError(path) from None
        staging.rename(path)


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not a text file"
