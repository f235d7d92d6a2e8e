"""Ordinary files read whole, within a bound, so that nobody waits for what others made.

In a folder from elsewhere a name may lead to a pipe, at which reading never begins, to a device, at
which it never ends, or to terabytes of nothing. Knows nothing of what is in a file.
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

MOST: Final = 1 << 26
"""Bytes of a file that are read, where nobody says otherwise."""
LARGE: Final = 1 << 32
"""Bytes of tensors, pictures and data sets at most."""
PIECE: Final = 1 << 20
# With this no pipe is waited for; Windows has no such pipes.
AT_ONCE: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: Path, *, most: int = MOST) -> bytes:
    """What is in an ordinary file.

    Args:
        path: of it, or of a link to it.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, is larger, or is a folder, a pipe, a socket or a device.
    """
    with open_file(path) as file:
        length = os.fstat(file.fileno()).st_size
        data = file.read(length) if length <= most else b""
        while length <= most and (more := file.read(PIECE)):  # longer than it says
            data += more
            length = len(data)
    if length > most:
        what = f"expected at most {most / 2**20:g} MB in the file, got {length:,} bytes"
        raise OSError(errno.EFBIG, what, str(path))
    return data


def open_file(path: Path) -> BufferedReader:
    """An ordinary file, open for reading.

    Raises:
        OSError: it cannot be read, or is a folder, a pipe, a socket or a device.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | AT_ONCE), "rb")
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    what = "expected an ordinary file, got a pipe or a device"
    raise OSError(errno.EINVAL, what, str(path))


def refuse_pipe(path: Path) -> None:
    """For libraries that open a file by its name, and would wait at a pipe.

    Raises:
        OSError: as of `open_file`.
    """
    open_file(path).close()


def read_text_file(path: Path, *, encoding: str = "utf-8", most: int = MOST) -> str:
    """The text in an ordinary file, its line ends as line feeds.

    Raises:
        OSError: as of `read_file`.
        UnicodeDecodeError: it is no such text.
    """
    text = read_file(path, most=most).decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n")
