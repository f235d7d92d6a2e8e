"""Temporary folders that nobody leaves behind, though he be killed.

A folder is named after its process and locked by it for as long as it is used. Whoever makes the
next one, or starts the program again, removes those whose process is gone and whose lock nobody
holds. Knows nothing of what lies in them.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PREFIX: Final = "sif-scratch-"
NAME: Final = re.compile(rf"{PREFIX}[a-z]+-([1-9][0-9]{{0,9}})-\w+")


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A new folder for its owner alone, gone when the block ends; one of a killed process goes now.

    Args:
        purpose: a word of small letters, for whoever finds it.
    """
    remove_abandoned()
    prefix = f"{PREFIX}{purpose}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        lock = os.open(name, os.O_RDONLY)
        try:
            _locked(lock)
            yield Path(name)
        finally:
            os.close(lock)


def remove_abandoned() -> None:
    """Removes the folders of processes that were killed; never those of one that runs."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            found = NAME.fullmatch(entry.name)
            if found and not _runs(int(found[1])):
                with suppress(OSError):
                    _remove(Path(entry.path))


def _remove(folder: Path) -> None:
    """Removes a folder that is ours and that nobody holds."""
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        return
    lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if _locked(lock):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _locked(folder: int) -> bool:
    """Takes the lock of an open folder; says whether it was free."""
    try:
        import fcntl
    except ImportError:  # a system without such locks: the process alone says whose it is
        return True
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
