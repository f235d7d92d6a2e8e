"""SHA-256 of many large files, side by side. Knows nothing of what the files are."""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

CHUNK: Final = 1 << 20
MOST_THREADS: Final = 8

Report = Callable[[int, int], None]
"""Is told bytes done and bytes in all."""


def silent(done: int, total: int) -> None:
    """Tells nobody."""


class _Tally:
    """Bytes done, over all threads."""

    def __init__(self, total: int, report: Report) -> None:
        self._done, self._total, self._report = 0, total, report
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        with self._lock:
            self._done += number
            self._report(self._done, self._total)


def sha256_of_files(files: Mapping[str, Path], report: Report = silent) -> dict[str, str]:
    """SHA-256 in hex digits of every file, by its name; each is read whole, in pieces.

    Args:
        files: where they lie, by name.
        report: called after every piece, from one thread at a time.

    Raises:
        OSError: a file cannot be read.
    """
    tally = _Tally(sum(path.stat().st_size for path in files.values()), report)
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda path: _sha256(path, tally), files.values())
        return dict(zip(files, found, strict=True))


def _sha256(path: Path, tally: _Tally) -> str:
    digest, room = hashlib.sha256(), memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as stream:
        while number := stream.readinto(room):
            digest.update(room[:number])
            tally.add(number)
    return digest.hexdigest()
