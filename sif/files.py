"""Files that are there whole or not at all. Knows nothing of what is in them."""

import contextlib
import os
import tempfile
from pathlib import Path

from sif.errors import StorageError


def write_atomically(path: Path, content: bytes | str, *, mode: int = 0o644) -> None:
    """Writes a file through a synced temporary one beside it; its folder is made where missing.

    Raises:
        StorageError: the disk refuses; the file is then as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise StorageError(f"cannot write to {path.parent}: {_reason(error)}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise StorageError(
            f"cannot write {path}: {_reason(error)}; free some space or name another folder, "
            "then run the same command again"
        ) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
