"""A folder that one command works in at a time.

Knows nothing of what is done in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from sif.errors import StorageError
from sif.files import writing

LOCK: Final = ".lock"
"""Name of the file in the folder that is locked; it is empty and may lie there for good."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else works in the folder meanwhile; a process that is gone holds nothing.

    Args:
        folder: made where it is not there yet.

    Raises:
        StorageError: another command works in it, or the disk refuses.
    """
    lock = FileLock(folder / LOCK)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StorageError(
                f"expected {folder} for this command alone, got another that works in it; wait for "
                "it, or name another folder as out"
            ) from error
    try:
        yield
    finally:
        lock.release()
