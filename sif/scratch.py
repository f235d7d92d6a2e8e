"""Temporary folders that nobody leaves behind, though he be killed.

A folder is named after its process and locked by it for as long as it is used. Whoever makes the
next one, or starts the program again, removes those whose process is gone and whose lock nobody
holds. Knows nothing of what lies in them.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sif import staging

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
        folder = Path(name)
        with staging.held(folder):
            yield folder


def remove_abandoned() -> None:
    """Removes the folders of processes that were killed; never those of one that runs."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            found = NAME.fullmatch(entry.name)
            if found and entry.is_dir(follow_symlinks=False):
                staging.remove_abandoned(Path(entry.path), process=int(found[1]))
