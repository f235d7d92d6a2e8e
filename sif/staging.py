"""What is being written, under a name of its own until it is whole, and never left behind.

Beside its target lies `.NAME.sif-PROCESS-RANDOM`, locked for as long as it is written. A killed
process leaves it there; whoever writes next in that folder removes those whose process is gone and
whose lock nobody holds. Knows nothing of what is written.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"\..+\.sif-([1-9][0-9]{0,9})-[a-z0-9_]{8}", re.DOTALL)
LONGEST: Final = 40
"""Characters of a target's name that its staging place repeats, for names end somewhere."""


@contextmanager
def staged(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """A new empty file or folder beside `target`, for its owner alone.

    Whoever fills it gives it the target's name; what still has its own at the end goes.

    Raises:
        OSError: the disk refuses.
    """
    _sweep_once(str(target.parent.absolute()), os.getpid())
    prefix = f".{target.name[:LONGEST]}.sif-{os.getpid()}-"
    if folder:
        place = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    else:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=target.parent)
        os.close(handle)
        place = Path(name)
    try:
        with held(place):
            yield place
    finally:  # whatever ended it, an interrupt too
        _remove(place)


def sweep(folder: Path) -> None:
    """Removes what killed processes had begun to write in a folder, if there is such a folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = NAME.fullmatch(entry.name)
            if found:
                remove_abandoned(Path(entry.path), process=int(found[1]))


def is_staged(path: Path) -> bool:
    """Whether it has the name of something that is, or was, being written."""
    return NAME.fullmatch(path.name) is not None


def remove_abandoned(place: Path, *, process: int) -> None:
    """Removes a file or folder of ours, unless its process runs or anybody holds it."""
    if _runs(process):
        return
    with suppress(OSError):
        seen = place.lstat()
        plain = stat.S_ISDIR(seen.st_mode) or stat.S_ISREG(seen.st_mode)
        if not plain or seen.st_uid != os.getuid():
            return
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            if _locked(handle):
                _remove(place)
        finally:
            os.close(handle)


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Holds the lock of a file or folder, so that nobody takes it for left behind."""
    handle = os.open(place, os.O_RDONLY)
    try:
        _locked(handle)
        yield
    finally:
        os.close(handle)


@lru_cache(maxsize=4096)
def _sweep_once(folder: str, process: int) -> None:
    """For what is in a folder when this process first writes there is what others left."""
    sweep(Path(folder))


def _remove(place: Path) -> None:
    with suppress(OSError):
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink()


def _locked(handle: int) -> bool:
    """Takes the lock of an open file or folder; says whether it was free."""
    try:
        import fcntl
    except ImportError:  # a system without such locks: the process alone says whose it is
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # of somebody else
        return True
    return True
