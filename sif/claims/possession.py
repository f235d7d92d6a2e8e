"""What the owner had beside the weights that he released, shown on demand.

A checkpoint that nobody else has, the state of the optimiser, a list of the training data: each is
hashed and put under a salted commitment, which stands in the header of the claim's commitment, so
that the same timestamp dates it. With n the name's place, the commitment is

    SHA-256("sif possession 1" NUL, salt, kind NUL, digest)

with 32 bytes of salt, `file` or `folder` as the kind, and the 32 bytes of the digest: SHA-256 of a
file, or of the lines that `sha256sum` writes for a folder's files in the order of their names
(digest, two blanks, path, newline). Only salts leave the owner's disk, one at a time. It proves
that somebody had these bytes when the commitment was made, not that he made them.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.claims.commitment import Header, Possession, one_line
from sif.claims.folder import COMMITMENT, claim_of
from sif.claims.signing import write_private
from sif.errors import ClaimError, UsageError
from sif.file_digests import Report, sha256_of_files, silent
from sif.files import write_atomically
from sif.plain_files import open_file, read_file

KEPT: Final = "possession.key"
DOMAIN: Final = b"sif possession 1\x00"
MOST: Final = 64
MOST_FILES: Final = 100_000
LONGEST: Final = 1 << 25
ODD: Final = re.compile(r"[\n\r\\]")
"""What `sha256sum` would write otherwise."""

Hex256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Digest(NamedTuple):
    """What a file or a folder holds, as one digest; of a folder, its files' too, by path."""

    kind: Literal["file", "folder"]
    sha256: str
    files: dict[str, str] | None


class Proof(BaseModel):
    """What the owner shows of one thing that he had; everything that its commitment hides.

    Attributes:
        name: as it stands in the commitment.
        salt: 64 hex digits.
        kind: a file or a folder.
        sha256: its digest.
        files: of a folder, SHA-256 of every file by path.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str
    salt: Hex256 = Field(repr=False)
    kind: Literal["file", "folder"]
    sha256: Hex256
    files: dict[str, Hex256] | None = None

    @property
    def commitment(self) -> str:
        """As it stands in the header: 64 hex digits."""
        hidden = bytes.fromhex(self.salt) + self.kind.encode() + b"\x00"
        return hashlib.sha256(DOMAIN + hidden + bytes.fromhex(self.sha256)).hexdigest()


class _Kept(BaseModel):
    """possession.key, mode 0600."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    things: tuple[Proof, ...]


def parse_things(given: Sequence[str]) -> dict[str, Path]:
    """Reads `NAME=PATH`s.

    Raises:
        UsageError: something else, a name twice or one that is no plain word, too many of them, or
            nothing at a path.
    """
    found: dict[str, Path] = {}
    for text in given:
        name, equals, place = text.partition("=")
        try:
            Possession(name=name, commitment="0" * 64)
        except ValidationError:
            name = ""
        if not (name and equals and place) or name in found:
            raise UsageError(
                f"expected NAME=PATH with another plain name each (letters, digits, . _ -; it is "
                f"public), got {text[:80]!r}"
            )
        if not Path(place).exists():
            raise UsageError(f"expected a file or a folder behind {name}=, got {place}: not there")
        found[name] = Path(place)
    if len(found) > MOST:
        raise UsageError(f"expected at most {MOST} things, got {len(found)}")
    return found


def digest_of(path: Path, report: Report = silent) -> Digest:
    """Hashes a file, or all files of a folder.

    Raises:
        ClaimError: it cannot be read, or is an empty folder, or holds too many files.
    """
    try:
        if not path.is_dir():
            return Digest("file", sha256_of_files({"": path}, report)[""], None)
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        named = {file.relative_to(path).as_posix(): file for file in inside}
        if not 0 < len(named) <= MOST_FILES or any(map(ODD.search, named)):
            raise ClaimError(
                f"expected a folder of 1 to {MOST_FILES} files in {path}, got {len(named)}, or "
                "names with line breaks or backslashes; pack it into one file"
            )
        files = sha256_of_files(named, report)
    except OSError as error:
        raise ClaimError(f"cannot read {path}: {error.strerror or error}") from error
    return Digest("folder", listing_digest(files), files)


def listing_digest(files: Mapping[str, str]) -> str:
    """SHA-256 of what `sha256sum` writes for these digests (hex) by path."""
    lines = (f"{files[name]}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def keep_possession(
    fingerprint: Path, things: Mapping[str, Path], report: Report = silent
) -> tuple[Possession, ...] | None:
    """Hashes what the owner has, keeps salts and digests privately; what the header says of it.

    The same things again have the same commitments.

    Args:
        fingerprint: its folder.
        things: by name; none at all gives what is kept already.
        report: is told bytes done and in all, of each thing.

    Raises:
        ClaimError: something cannot be read, or others were kept before.
        StorageError: the folder cannot be written.
    """
    path = claim_of(fingerprint) / KEPT
    kept = _read(path).things if path.exists() else ()
    if not things:
        return _public(kept) or None
    if not kept and (claim_of(fingerprint) / COMMITMENT).exists():
        raise ClaimError(
            f"{claim_of(fingerprint)} holds a commitment already, without these things; a "
            "commitment is never replaced: move the folder away and begin a new claim"
        )
    now: list[Proof] = []
    for name, place in sorted(things.items()):
        kind, digest, files = digest_of(place, report)
        now.append(
            Proof(name=name, salt=secrets.token_hex(32), kind=kind, sha256=digest, files=files)
        )
    if not kept:
        write_private(path, _Kept(things=tuple(now)).model_dump_json(indent=2).encode())
        return _public(now)
    if [_unsalted(proof) for proof in kept] != [_unsalted(proof) for proof in now]:
        raise ClaimError(
            f"{path} holds other things than these; what was put under a commitment is never "
            "replaced: name the same ones, or move the claim away and begin a new one"
        )
    return _public(kept)


def show_possession(fingerprint: Path, name: str, out: Path) -> Proof:
    """Writes what opens one commitment, for whoever is to believe it.

    Raises:
        ClaimError: nothing of that name was put under a commitment.
        StorageError: it cannot be written.
    """
    path = claim_of(fingerprint) / KEPT
    things = _read(path).things if path.exists() else ()
    for proof in things:
        if proof.name == name:
            write_atomically(out, proof.model_dump_json(indent=2), mode=0o600)
            return proof
    there = ", ".join(proof.name for proof in things) or "none"
    raise ClaimError(f"expected the name of something in {path} ({there}), got {name[:64]!r}")


def read_proof(path: Path) -> Proof:
    """A file of `show_possession`.

    Raises:
        ClaimError: something else.
    """
    try:
        with open_file(path) as stream:
            data = stream.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise ClaimError(
                f"expected a file of `sif claim show-possession`, got {path}: too long"
            )
        return Proof.model_validate_json(data)
    except ValidationError as error:
        raise ClaimError(
            f"expected a file of `sif claim show-possession` in {path}, got something else: "
            f"{one_line(error)}"
        ) from error
    except OSError as error:
        raise ClaimError(f"cannot read {path}: {error.strerror or error}") from error


def check_possession(header: Header, proof: Proof, place: Path, report: Report = silent) -> Digest:
    """Makes sure that a file or folder is what a header commits to.

    Args:
        header: of a commitment whose signature was checked.
        proof: of its owner.
        place: the file or folder.
        report: is told bytes done and in all.

    Raises:
        ClaimError: the header has no such commitment, or this is something else.
    """
    committed = {one.name: one.commitment for one in header.possession or ()}
    if committed.get(proof.name) != proof.commitment:
        there = ", ".join(committed) or "nothing"
        raise ClaimError(
            f"the proof of {proof.name[:64]!r} does not open a commitment of this claim, which "
            f"holds {there}"
        )
    found = digest_of(place, report)
    if (found.kind, found.sha256) != (proof.kind, proof.sha256):
        raise ClaimError(
            f"{place} is not the {proof.kind} that was committed to as {proof.name}"
            f"{_first_other(proof.files, found.files)}"
        )
    return found


def _first_other(theirs: Mapping[str, str] | None, ours: Mapping[str, str] | None) -> str:
    """The first file that differs, in words, where both are folders."""
    if theirs is None or ours is None:
        return ""
    for name in sorted({*theirs, *ours}):
        if theirs.get(name) != ours.get(name):
            what = "is missing" if name not in ours else "is another or was not there"
            return f": {name[:120]!r} {what}"
    return ""


def _read(path: Path) -> _Kept:
    try:
        return _Kept.model_validate_json(read_file(path))
    except (OSError, ValidationError) as error:
        raise ClaimError(
            f"expected salts and digests in {path}, got something else; restore it from your copy"
        ) from error


def _public(things: Iterable[Proof]) -> tuple[Possession, ...]:
    return tuple(Possession(name=proof.name, commitment=proof.commitment) for proof in things)


def _unsalted(proof: Proof) -> Proof:
    return proof.model_copy(update={"salt": ""})
