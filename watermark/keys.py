"""The owner's secret and the keys that follow from it.

One secret of 32 random bytes serves a whole fingerprint. The key of a trigger is an HMAC of its
label, so keys of different triggers are independent to everybody without the secret, and one key
can be shown to a judge without giving the others away. Knows nothing of words or images.

key(label) = HMAC-SHA256(secret, `sif green key 1` NUL label), or, under an anchor (32 public bytes
that nobody could know when the secret was fixed, see `sif.claims.anchor`),
key(label) = HMAC-SHA256(secret, `sif green key 2` NUL anchor label). In a **seeded** ring the key
goes by a seed of its own, so that some triggers can be shown and the others stay secret:

    seed(label) = HMAC-SHA256(secret, `sif seed 1` NUL label)
    key(label)  = HMAC-SHA256(seed(label), `sif green key 3` NUL anchor label)

From seeds nothing follows of the secret or of other seeds. The secret's own lot, by which triggers
are put in order, is HMAC-SHA256(secret, `sif order 1` NUL), whatever the anchor.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn, SupportsIndex

from sif.errors import FingerprintError, StorageError, UsageError
from sif.plain_files import read_text_file
from sif.staging import staged, sweep

SECRET_BYTES: Final = 32
ANCHOR_BYTES: Final = 32
HEADER: Final = "sif-key-ring 1"
ANCHORED_HEADER: Final = "sif-key-ring 2"
SEEDED_HEADER: Final = "sif-key-ring 3"
SEEDS: Final = 4096
"""Seeds that are fixed with a new secret, and so the most triggers of a seeded fingerprint."""
_KEY_DOMAIN: Final = b"sif green key 1\x00"
_ANCHORED_KEY_DOMAIN: Final = b"sif green key 2\x00"
_SEEDED_KEY_DOMAIN: Final = b"sif green key 3\x00"
_SEED_DOMAIN: Final = b"sif seed 1\x00"
_COMMITMENT_DOMAIN: Final = b"sif key commitment 1\x00"
_ORDER_DOMAIN: Final = b"sif order 1\x00"
_SEAL_DOMAIN: Final = b"sif secret commitment 1\x00"
_HEX: Final = re.compile("[0-9a-f]{64}")

logger = logging.getLogger(__name__)


class KeyRing:
    """One secret, from which the key of every trigger follows.

    The secret leaves this object only through `save` and `text`. It is not in its repr, and the
    object cannot be pickled or copied.

    Args:
        secret: exactly 32 bytes; `KeyRing.generate()` draws them.
        anchor: exactly 32 bytes that go into every key; none for keys of the secret alone.
        seeded: whether every key goes by a seed of its own; takes an anchor.

    Attributes:
        anchor: as given; public.
        seeded: as given; public.

    Raises:
        UsageError: another length, or seeds without an anchor.
    """

    __slots__ = ("__secret", "anchor", "seeded")

    def __init__(self, secret: bytes, *, anchor: bytes | None = None, seeded: bool = False) -> None:
        if len(secret) != SECRET_BYTES:
            raise UsageError(
                f"expected a secret of {SECRET_BYTES} bytes, got {len(secret)}; "
                "draw one with KeyRing.generate()"
            )
        if anchor is not None and len(anchor) != ANCHOR_BYTES:
            raise UsageError(f"expected an anchor of {ANCHOR_BYTES} bytes, got {len(anchor)}")
        if seeded and anchor is None:
            raise UsageError("expected an anchor for keys that go by seeds, got none")
        self.__secret = bytes(secret)
        self.anchor = anchor
        self.seeded = seeded

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
            text = read_text_file(path, encoding="ascii")
            mode = stat.S_IMODE(path.stat().st_mode)
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"cannot read the key file {path}: {_why(error)}") from error
        if mode & 0o077:
            logger.warning("other users may read %s (mode %04o); run chmod 600 on it", path, mode)
        return cls.parse(text, where=str(path))

    @classmethod
    def parse(cls, text: str, *, where: str) -> "KeyRing":
        """Reads the content of a key file.

        Args:
            text: as of `text`.
            where: names the file in the error.

        Raises:
            StorageError: not a key file of a version that is known.
        """
        match text.splitlines():
            case [header, secret] if header == HEADER and _HEX.fullmatch(secret):
                return cls(bytes.fromhex(secret))
            case [header, secret, anchor] if (
                header in (ANCHORED_HEADER, SEEDED_HEADER)
                and _HEX.fullmatch(secret)
                and _HEX.fullmatch(anchor)
            ):
                seeded = header == SEEDED_HEADER
                return cls(bytes.fromhex(secret), anchor=bytes.fromhex(anchor), seeded=seeded)
        raise StorageError(
            f"expected {where} to hold the line {HEADER!r} and a line of 64 hex digits, or "
            f"{ANCHORED_HEADER!r} or {SEEDED_HEADER!r} and two of them, got something else; "
            "restore it from your backup"
        )

    def anchored(self, anchor: bytes, *, seeded: bool = False) -> "KeyRing":
        """The same secret with other keys: those under this anchor.

        Raises:
            UsageError: not 32 bytes.
        """
        return KeyRing(self.__secret, anchor=anchor, seeded=seeded)

    def text(self) -> str:
        """The content of a key file: the secret in the clear."""
        lines = [HEADER, self.__secret.hex()]
        if self.anchor is not None:
            header = SEEDED_HEADER if self.seeded else ANCHORED_HEADER
            lines = [header, self.__secret.hex(), self.anchor.hex()]
        return "\n".join(lines) + "\n"

    def sealed(self, salt: bytes) -> str:
        """A commitment to the secret alone, whatever the anchor, that shows nothing of it.

        SHA-256 (hex) over `sif secret commitment 1` NUL, the salt and the 32 bytes of the secret.

        Args:
            salt: 32 random bytes, revealed together with the secret.
        """
        return hashlib.sha256(_SEAL_DOMAIN + salt + self.__secret).hexdigest()

    def save(self, path: str | Path) -> None:
        """Writes the secret, readable by its owner only; the file appears whole or not at all.

        Raises:
            StorageError: the file exists already, or the disk refuses.
        """
        path = Path(path)
        try:
            sweep(path.parent)
            with staged(path) as place:
                with place.open("w", encoding="ascii") as file:
                    file.write(self.text())
                    file.flush()
                    os.fsync(file.fileno())
                _publish(place, path)
        except FileExistsError as error:
            raise StorageError(
                f"{path} exists already, and a secret is never overwritten; "
                "name another file or move this one away"
            ) from error
        except OSError as error:
            raise StorageError(f"cannot write the key file {path}: {_why(error)}") from error

    def key(self, label: str) -> bytes:
        """The key of the trigger with this label, 32 bytes.

        Raises:
            UsageError: an empty label, or one that is not valid Unicode.
        """
        message = _bytes_of(label)
        if self.anchor is None:
            return hmac.digest(self.__secret, _KEY_DOMAIN + message, "sha256")
        if self.seeded:
            return _seeded_key(self.seed(label), self.anchor, message)
        return hmac.digest(self.__secret, _ANCHORED_KEY_DOMAIN + self.anchor + message, "sha256")

    def seed(self, label: str) -> bytes:
        """The seed of the trigger with this label, 32 bytes; its key goes by it in a seeded ring.

        Whoever has it, and the anchor, has the key of this one trigger.

        Raises:
            UsageError: as of `key`.
        """
        return hmac.digest(self.__secret, _SEED_DOMAIN + _bytes_of(label), "sha256")

    @property
    def lot(self) -> bytes:
        """32 bytes that the secret alone decides, from which an order of asking may be drawn."""
        return hmac.digest(self.__secret, _ORDER_DOMAIN, "sha256")

    def commitment(self, label: str) -> str:
        """What may be published about the key of this label before it is revealed."""
        return commitment_of(self.key(label))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyRing):
            return NotImplemented
        same = hmac.compare_digest(self.__secret, other.__secret)
        return same and (self.anchor, self.seeded) == (other.anchor, other.seeded)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "KeyRing(secret=<hidden>)"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a KeyRing cannot be pickled or copied; save it to a file and load that")


class RevealedKeys:
    """The keys of some triggers, from their seeds; nothing follows of the others.

    The seeds do not leave this object, and it cannot be pickled or copied.

    Args:
        seeds: 32 bytes for each label.
        anchor: 32 bytes.

    Attributes:
        anchor: as given; public.
        labels: of the triggers whose keys are known.

    Raises:
        UsageError: another length.
    """

    __slots__ = ("__seeds", "anchor", "labels")

    def __init__(self, seeds: Mapping[str, bytes], *, anchor: bytes) -> None:
        if len(anchor) != ANCHOR_BYTES or any(len(seed) != SECRET_BYTES for seed in seeds.values()):
            raise UsageError(f"expected seeds and an anchor of {SECRET_BYTES} bytes, got others")
        self.__seeds = dict(seeds)
        self.anchor = anchor
        self.labels = frozenset(seeds)

    def key(self, label: str) -> bytes:
        """The key of the trigger with this label, 32 bytes.

        Raises:
            FingerprintError: its seed was not revealed.
        """
        if label not in self.__seeds:
            raise FingerprintError(f"the seed of trigger {label!r} is not among the revealed ones")
        return _seeded_key(self.__seeds[label], self.anchor, _bytes_of(label))

    def commitment(self, label: str) -> str:
        """As of `KeyRing.commitment`."""
        return commitment_of(self.key(label))

    def __repr__(self) -> str:
        return f"RevealedKeys({len(self.labels)} seeds, <hidden>)"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("revealed keys cannot be pickled or copied")


def commitment_of(key: bytes) -> str:
    """SHA-256 (hex) over a key: binds its owner to it and, as keys are random, hides it.

    A judge to whom the key is revealed compares this with the commitment in the manifest.
    """
    return hashlib.sha256(_COMMITMENT_DOMAIN + key).hexdigest()


def _seeded_key(seed: bytes, anchor: bytes, message: bytes) -> bytes:
    return hmac.digest(seed, _SEEDED_KEY_DOMAIN + anchor + message, "sha256")


def _bytes_of(label: str) -> bytes:
    try:
        message = label.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"expected a key label in valid Unicode, got {label!r}") from error
    if not message:
        raise UsageError("expected a key label, got an empty one; use the trigger's id")
    return message


def _publish(place: Path, path: Path) -> None:
    """Gives a finished file its name, without ever replacing another."""
    try:
        path.hardlink_to(place)
    except FileExistsError:
        raise
    except OSError:  # some network and memory-card file systems have no hard links
        if path.exists():
            raise FileExistsError(path) from None
        place.rename(path)


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not a text file"
