"""Files that are there whole or not at all. Knows nothing of what is in them."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sif.errors import StorageError
from sif.staging import is_staged, staged, sweep

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RUST_ERROR: Final = re.compile(r"\(os error (\d+)\)")


def write_atomically(path: Path, content: bytes | str, *, mode: int = 0o644) -> None:
    """Writes a file through a synced temporary one beside it; its folder is made where missing.

    Raises:
        StorageError: the disk refuses; the file is then as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path) as place:
            with place.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            place.chmod(mode)
            place.replace(path)


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A place to fill, which becomes the new `folder` at the end of the block or not at all.

    Raises:
        StorageError: the disk refuses.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with staged(folder, folder=True) as place:
            yield place
            place.chmod(0o755)
            place.rename(folder)


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Around code that writes `target`: a disk's refusal becomes a StorageError, one clear line.

    Libraries in Rust (tokenizers, safetensors) report it as exceptions of no common class, whose
    words hold the number of the system's error.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(_refusal(target, error.strerror or str(error), error.errno)) from error
    except BaseException as error:
        number = RUST_ERROR.search(str(error))
        if number is not None:
            reason = os.strerror(int(number[1]))
            raise StorageError(_refusal(target, reason, int(number[1]))) from error
        raise


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; a name that no system takes names none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def claim_folder(folder: Path, *, mark: str, words: str, aside: Sequence[str] = ()) -> None:
    """Makes a folder ours before anything is put into it: a new, an empty, or our earlier one.

    Args:
        folder: to be claimed.
        mark: name of the file in it that says whose it is.
        words: content of that file.
        aside: names in it that say nothing.

    Raises:
        StorageError: it holds something else, or the disk refuses.
    """
    sweep(folder)
    check_claim(folder, mark=mark, aside=aside)
    write_atomically(folder / mark, words)


def check_claim(folder: Path, *, mark: str, aside: Sequence[str] = ()) -> None:
    """Makes sure that a folder may be claimed; writes nothing.

    Raises:
        StorageError: as of `claim_folder`.
    """
    with writing(folder):
        if not folder.exists() or (folder / mark).exists():
            return
        taken = not folder.is_dir() or any(
            one.name not in aside and not is_staged(one) for one in folder.iterdir()
        )
    if taken:
        raise StorageError(
            f"expected a new folder or an earlier one of this command, with {mark} in it, got "
            f"{folder}; name another"
        )


def _refusal(target: Path, reason: str, number: int | None) -> str:
    mend = "free some space and run the same command again" if number in FULL else "name another"
    return f"cannot write {target}: {reason.splitlines()[0]}; {mend}"
