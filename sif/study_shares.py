"""Shares of one study made apart, and the folder that they make together.

Each share's folder holds what its parts left, a mark for each part that is done, and a record of
whose share it is. Joined, they are the folder that one command would have filled so far, in which
it goes on. Knows no study, and nothing of what parts leave: files are taken as they are.
"""

import hashlib
import json
import logging
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.difference import differences
from sif.errors import StorageError, UsageError
from sif.files import claim_folder, write_atomically, writing
from sif.plain_files import open_file, read_text_file
from sif.scale.shard import MOST, Shard
from sif.scratch import scratch
from sif.staging import is_staged, staged
from sif.suspects.journal_union import BESIDE, join_journals
from sif.suspects.kept import KeptAnswers
from sif.visible import visible

RECORD: Final = "study-share.json"
MARK: Final = "study.txt"
DONE: Final = "parts-done"
JOURNAL: Final = ".sqlite"
LARGEST: Final = 1 << 36
"""Bytes of one file, more than which is taken for a trap."""
PIECE: Final = 1 << 20

logger = logging.getLogger(__name__)


class ShareRecord(BaseModel):
    """study-share.json.

    Attributes:
        study: its name.
        settings: all of them.
        number: of the share, from 1.
        of: how many there are.
        stage: that it has done its parts of, from 0; none while it is at work, and where it ended
            with the whole study.
        again: patterns of files that several shares may have made, each as good as another's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    study: str = Field(pattern=r"^[a-z]{1,40}$")
    settings: dict[str, Any]
    number: int = Field(ge=1, le=MOST)
    of: int = Field(ge=1, le=MOST)
    stage: int | None = Field(default=None, ge=0)
    again: tuple[str, ...] = ()

    @property
    def shard(self) -> Shard:
        """As a value."""
        return Shard(self.number, self.of)

    @property
    def request(self) -> dict[str, Any]:
        """All that shares of one study have in common."""
        return self.model_dump(mode="json", exclude={"number", "stage"})

    def marks(self) -> str:
        """Folder of the marks of these settings, within a share's."""
        said = json.dumps([self.study, self.settings], sort_keys=True)
        return f"{DONE}/{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    def keep(self, folder: Path, *, stage: int | None) -> None:
        """Writes it down.

        Raises:
            StorageError: the disk refuses.
        """
        now = self.model_copy(update={"stage": stage})
        write_atomically(folder / RECORD, now.model_dump_json(indent=2))


def words_of(study: str) -> str:
    """What stands in the mark of a folder of a study."""
    return f"Written by `sif bench {study}`; run it again to go on.\n"


def is_study_share(folder: Path) -> bool:
    """Whether a folder is a share of a study."""
    return (folder / RECORD).is_file()


def claim_share(folder: Path, record: ShareRecord) -> None:
    """Makes a folder that share's.

    Raises:
        UsageError: it is another's, or was begun with other settings.
        StorageError: it cannot be written.
    """
    if (folder / RECORD).exists():
        begun = _read(folder)
        if begun.shard != record.shard:
            raise UsageError(
                f"expected a new folder or share {record.shard}, got share {begun.shard} in "
                f"{folder}; give each share a folder of its own"
            )
        if begun.request != record.request:
            changed = differences(begun.request, record.request)
            raise UsageError(
                f"expected the settings that {folder} was begun with, got others ({changed}); give "
                "the same, or name a new folder"
            )
    record.keep(folder, stage=None)


class Joined(NamedTuple):
    """What was joined: the study, shares, files of the whole, and those that were there before."""

    study: str
    shares: int
    files: int
    before: int


def join_shares(shares: Sequence[str | Path], *, out: str | Path) -> Joined:
    """Joins all shares of one stage of a study; nothing is overwritten.

    Called again after an interruption it goes on.

    Args:
        shares: their folders, in any order.
        out: a new folder, or that of an earlier joining of the same study.

    Raises:
        UsageError: shares are missing, unfinished, given twice, of other settings, or hold what no
            share leaves.
        StorageError: two hold different files under one name, or the disk refuses.
    """
    folder = Path(out)
    found = _in_order([Path(share) for share in shares])
    if any(folder.resolve() == one.folder.resolve() for one in found):
        raise UsageError(f"expected a folder for the whole, got that of a share: {folder}")
    study = found[0].record.study
    _refuse_other(folder, study)
    plan = _plan(found, folder)
    claim_folder(folder, mark=MARK, words=words_of(study))
    before = 0
    for name, sources in plan.items():
        target = folder / name
        if len(sources) > 1:
            before += _join(sources, target)
        elif target.exists():
            before += 1
        else:
            _copy(sources[0], target)
    return Joined(study, len(found), len(plan), before)


@dataclass(frozen=True, slots=True)
class _Share:
    folder: Path
    record: ShareRecord


def _in_order(folders: Sequence[Path]) -> list[_Share]:
    """All shares, each once."""
    found: dict[int, _Share] = {}
    for folder in folders:
        if not is_study_share(folder):
            raise UsageError(
                f"expected the folder of a share of a study, written with --shard, got {folder}; "
                "name those folders behind the one of the whole"
            )
        share = _Share(folder, _read(folder))
        other = found.setdefault(share.record.number, share)
        if other is not share:
            raise UsageError(
                f"expected every share once, got {share.record.shard} in {other.folder} and in "
                f"{folder}; leave one out"
            )
    first = next(iter(found.values()))
    for share in found.values():
        if share.record.request != first.record.request:
            changed = differences(first.record.request, share.record.request)
            raise UsageError(
                f"expected shares of one study and its settings, got others in {first.folder} and "
                f"{share.folder} ({changed}); name those that were made by the same command"
            )
        if share.record.stage is None:
            raise UsageError(
                f"expected finished shares, got {share.record.shard} in {share.folder}, which is "
                "not; run its command again, which goes on where it stopped"
            )
        if share.record.stage != first.record.stage:
            raise UsageError(
                f"expected shares of one stage, got {first.record.shard} in {first.folder} at stage"
                f" {(first.record.stage or 0) + 1} and {share.record.shard} in {share.folder} at "
                f"{share.record.stage + 1}; name those that were begun from the same folder"
            )
    of = first.record.of
    missing = [str(Shard(number, of)) for number in range(1, of + 1) if number not in found]
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise UsageError(
            f"expected all {of} shares, got {len(found)}: {', '.join(missing[:10])}{more} missing; "
            "name their folders too"
        )
    return [found[number] for number in range(1, of + 1)]


def _refuse_other(folder: Path, study: str) -> None:
    """Makes sure that the folder of the whole is new, or of the same study."""
    mark = folder / MARK
    if mark.exists() and _text(mark) != words_of(study):
        raise StorageError(
            f"expected a new folder or one of `sif bench {study}`, got {folder}, which is "
            "another's; name another"
        )


def _plan(shares: Sequence[_Share], folder: Path) -> dict[str, list[Path]]:
    """For every file of the whole those that it is made of; several only of journals.

    Raises:
        UsageError: something that no share leaves.
        StorageError: different files under one name.
    """
    rooms = [*(share.folder for share in shares), *([folder] if folder.exists() else [])]
    found: dict[str, list[Path]] = {}
    for room in rooms:
        for name, path in _files(room):
            found.setdefault(name, []).append(path)
    again, plan = shares[0].record.again, dict[str, list[Path]]()
    for name, paths in sorted(found.items()):
        plan[name] = paths[:1]
        if len(paths) == 1 or len({_digest(path) for path in paths}) == 1:
            continue
        if name.endswith(JOURNAL):
            plan[name] = paths
        elif any(fnmatchcase(name, pattern) for pattern in again):
            logger.info("%s was made in several shares; the first is taken", name)
        else:
            first, other = paths[0], next(p for p in paths if _digest(p) != _digest(paths[0]))
            raise StorageError(
                f"expected one content of {visible(name)}, got another in {other} than in {first}; "
                "leave out what was changed, and run the command of that share in a new folder"
            )
    return plan


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names within a folder, and paths, of what a study leaves; nothing is followed elsewhere.

    Raises:
        UsageError: a link, a pipe or a device, a name that cannot be read, or too large a file.
    """
    for place, folders, files in os.walk(folder, onerror=_cannot_read):
        for one in sorted([*folders, *files]):
            path = Path(place, one)
            kind = path.lstat()
            if visible(one) != one:
                raise _strange(path, "a name with letters that cannot be seen")
            if not (stat.S_ISREG(kind.st_mode) or stat.S_ISDIR(kind.st_mode)):
                raise _strange(path, "a link, a pipe or a device")
            if kind.st_size > LARGEST:
                raise _strange(path, f"a file of {kind.st_size / 2**30:.0f} GiB")
        folders[:] = sorted(one for one in folders if not is_staged(Path(one)))
        for one in sorted(files):
            name = Path(place, one).relative_to(folder).as_posix()
            passing = is_staged(Path(one)) or one.endswith((".lock", *BESIDE))
            if not passing and name not in (RECORD, MARK):
                yield name, Path(place, one)


def _strange(path: Path, what: str) -> UsageError:
    return UsageError(
        f"expected ordinary files and folders in a share, got {what}: {visible(str(path))}; take "
        "it away, if you know where it comes from"
    )


def _cannot_read(error: OSError) -> None:
    raise StorageError(f"cannot read {error.filename}: {error.strerror}; make it readable")


def _join(sources: Sequence[Path], target: Path) -> int:
    """Makes one journal of several; 1 where the whole had one."""
    there = target.exists()
    with writing(target):
        if there:
            with KeptAnswers(target):  # what SQLite left beside it goes into it
                pass
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch("join") as room:
            copies = room / "copies"
            copies.mkdir()
            join_journals(sources, room / "whole", room=copies)
            _copy(room / "whole", target)
    return int(there)


def _copy(source: Path, target: Path) -> None:
    """Copies a file, whole or not at all.

    Raises:
        StorageError: it cannot be read, or the disk refuses.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with staged(target) as place:
            with open_file(source) as file, place.open("wb") as copy:
                shutil.copyfileobj(file, copy, PIECE)
                copy.flush()
                os.fsync(copy.fileno())
            place.chmod(stat.S_IMODE(source.stat().st_mode))
            place.replace(target)


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    try:
        with open_file(path) as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    except OSError as error:
        _cannot_read(error)
    return digest.digest()


def _text(path: Path) -> str:
    try:
        return read_text_file(path)
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"expected {path} as it was written, got something else") from error


def _read(folder: Path) -> ShareRecord:
    try:
        return ShareRecord.model_validate_json(read_text_file(folder / RECORD))
    except (ValidationError, UnicodeDecodeError, OSError) as error:
        raise UsageError(
            f"expected {folder / RECORD} as it was written, got something else; run the command of "
            "that share again in a new folder"
        ) from error
