"""What processes that we start write to the terminal themselves, made visible on its way.

An engine or a server prints names and messages that came with a stranger's model. While the block
of `made_visible` runs, the standard streams of this process, as far as the system knows them, lead
into pipes, and so do those of every process begun in it, for as long as that lives. Knows nothing
of who writes.
"""

import atexit
import os
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import BinaryIO, Final

from sif.visible import visible

STREAMS: Final = (1, 2)
CARRIER: Final = "carries words to the terminal"
LONGEST_LINE: Final = 20_000
LAST_WORDS_SECONDS: Final = 0.5


@contextmanager
def made_visible(*, without: tuple[str, ...] = ()) -> Iterator[list[threading.Thread]]:
    """Gives the threads that carry the lines; they end with the last process that could write.

    Args:
        without: beginnings of lines that are left out.
    """
    carriers: list[threading.Thread] = []
    before = {stream: os.dup(stream) for stream in STREAMS}
    for stream, terminal in before.items():
        out, into = os.pipe()
        os.dup2(into, stream)
        os.close(into)
        ends = (os.fdopen(out, "rb"), os.dup(terminal), without)
        carriers.append(threading.Thread(target=_carry, args=ends, name=CARRIER, daemon=True))
        carriers[-1].start()
    _wait_at_the_end()
    try:
        yield carriers
    finally:
        for stream, terminal in before.items():
            os.dup2(terminal, stream)
            os.close(terminal)


@cache
def _wait_at_the_end() -> None:
    """A process that ends lets its carriers say what they hold, but does not wait for others."""
    atexit.register(_await_last_words)


def _await_last_words() -> None:
    until = time.monotonic() + LAST_WORDS_SECONDS
    for thread in threading.enumerate():
        if thread.name == CARRIER:
            thread.join(max(0.0, until - time.monotonic()))


def _carry(lines: BinaryIO, terminal: int, without: tuple[str, ...]) -> None:
    decoder = getincrementaldecoder("utf-8")("backslashreplace")
    with lines, open(terminal, "wb", buffering=0) as shown:
        while line := lines.readline(LONGEST_LINE):
            words = decoder.decode(line)
            if words.startswith(without):
                continue
            kept = "\n".join(
                visible(part, longest=None) for part in words.replace("\r\n", "\n").split("\n")
            )
            with suppress(OSError):  # nobody is there to read it
                shown.write(kept.encode("utf-8", "backslashreplace"))
