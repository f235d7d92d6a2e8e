"""A bundle: one zip file with everything that an audit reads. Knows nothing of what is in it.

The file is a function of names and contents: members in the order of their names, stored without
compression, all dated 1980-01-01. Reading takes nothing else: whatever differs by one byte from
what `write_bundle` makes of the same members is refused, and so is, before a single member is read,
every name that is not plainly a file of ours. Nothing is unpickled or run.
"""

import filecmp
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sif.errors import ClaimError
from sif.files import writing
from sif.plain_files import LARGE, read_file
from sif.staging import staged

NAME: Final = re.compile(r"[a-z]+(/[A-Za-z0-9_][A-Za-z0-9._-]*){1,2}")
SUFFIXES: Final = (".json", ".jsonl", ".txt", ".model", ".jinja", ".tiktoken", ".png", ".pem")
PRIVATE_SUFFIXES: Final = (".key", ".tsr")
LARGEST_MEMBER: Final = 1 << 27
LARGEST_JSON: Final = 1 << 26
LARGEST_BUNDLE: Final = 1 << 34
MOST_MEMBERS: Final = 100_000
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o100600 << 16


def write_bundle(path: Path, files: Mapping[str, bytes | Path]) -> None:
    """Writes a bundle, readable by its owner only; it appears whole or not at all.

    Args:
        path: of the bundle; an earlier one is replaced.
        files: contents, or where they lie, by name.

    Raises:
        ClaimError: a name that no bundle may hold.
        StorageError: the disk refuses.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path) as place:
            with place.open("wb") as file:
                _write(file, files)
                file.flush()
                os.fsync(file.fileno())
            place.replace(path)


def open_bundle(path: Path, into: Path) -> dict[str, Path]:
    """Unpacks a bundle into a folder.

    Args:
        path: of the bundle.
        into: an empty folder.

    Returns:
        Where every file lies now, by its name in the bundle.

    Raises:
        ClaimError: it is missing, cut short, damaged, or holds what no bundle may hold.
        StorageError: the folder cannot be written.
    """
    if not path.is_file():
        raise ClaimError(f"expected a bundle of `sif claim reveal`, got {path}, which is no file")
    try:
        whole = path.stat().st_size
        if whole > LARGEST_BUNDLE:
            raise ClaimError(f"{path} is larger than 16 GiB")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check(members, path, whole)
            found = {member.filename: into / member.filename for member in members}
            for member in members:
                with writing(into):
                    found[member.filename].parent.mkdir(parents=True, exist_ok=True)
                    found[member.filename].touch(mode=0o600)
                    with archive.open(member) as there, found[member.filename].open("wb") as here:
                        shutil.copyfileobj(there, here, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise ClaimError(
            f"expected a whole bundle of `sif claim reveal` in {path}, got one that is damaged or "
            f"cut short: {str(error).splitlines()[0][:100] if str(error) else 'unreadable'}"
        ) from error
    again = into / ".again"
    with writing(again):
        with again.open("wb") as file:
            _write(file, found)
        same = filecmp.cmp(again, path, shallow=False)
        again.unlink()
    if not same:
        raise ClaimError(
            f"expected {path} byte for byte as `sif claim reveal` writes it, got other bytes "
            "around the same files"
        )
    return found


def _write(file: object, files: Mapping[str, bytes | Path]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name in sorted(files):
            _check_name(name)
            member = zipfile.ZipInfo(name, _DATE)
            member.create_system = 3
            member.external_attr = _MODE
            content = files[name]
            archive.writestr(
                member, content if isinstance(content, bytes) else read_file(content, most=LARGE)
            )


def _check(members: list[zipfile.ZipInfo], path: Path, whole: int) -> None:
    """Refuses what must not be read, by the directory alone."""
    if len(members) > MOST_MEMBERS:
        raise ClaimError(f"expected at most {MOST_MEMBERS} files in {path}, got {len(members)}")
    seen: set[str] = set()
    for member in members:
        _check_name(member.filename)
        if member.filename in seen:
            raise ClaimError(f"{path} holds {member.filename} twice")
        seen.add(member.filename)
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise ClaimError(f"{member.filename} in {path} is compressed, which no bundle is")
        most = LARGEST_JSON if member.filename.endswith(".json") else LARGEST_MEMBER
        if member.file_size > most:
            raise ClaimError(f"{member.filename} in {path} is larger than {most >> 20} MiB")
    if sum(member.file_size for member in members) > whole:
        raise ClaimError(f"files in {path} overlap: together they are larger than it is")


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or not name.endswith(SUFFIXES + PRIVATE_SUFFIXES):
        raise ClaimError(f"expected plain names of files in a bundle, got {name[:60]!r}")
