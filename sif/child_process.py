"""A program of ours that does a stranger's work in a process of its own, with a clock that ends it.

The child limits its own memory and answers frames; when it is late, or dies of what it was given,
the next request begins a new one. Knows nothing of what is asked.
"""

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sif.child_frames import Frame, receive, send

# What a child is told of the world; keys in its surroundings are none of its business.
KEPT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")
LARGEST: Final = 2**30


class ChildLateError(Exception):
    """Not done in time; the child was stopped."""


class ChildEndedError(Exception):
    """The child is gone, or says what makes no sense."""


class ChildProcess:
    """The child; it begins with the first request and ends with this object.

    A copy of this process by fork begins a child of its own.

    Args:
        program: file of it, which is run by path.
    """

    def __init__(self, program: str | Path) -> None:
        self._program = str(program)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] = _nothing
        self._owner = os.getpid()

    @property
    def number(self) -> int | None:
        """Of the process; None where there is none."""
        return None if self._process is None else self._process.pid

    def ask(self, frame: Frame, *, seconds: float) -> Frame:
        """One request and its answer; one at a time, whoever asks.

        Raises:
            ChildLateError: it was not done in time.
            ChildEndedError: it died, or its answer makes no sense.
        """
        with self._lock:
            return self._asked(frame, seconds)

    def end(self) -> None:
        """Ends the child; a further request begins a new one."""
        self._end()
        self._process = None

    def _asked(self, frame: Frame, seconds: float) -> Frame:
        late = threading.Event()
        process, end = self._begun()

        def stop() -> None:
            late.set()
            end()

        clock = threading.Timer(seconds, stop)
        clock.daemon = True
        clock.start()
        asked, said = process.stdin, process.stdout
        assert asked is not None  # both were asked for
        assert said is not None
        try:
            send(asked, frame)  # type: ignore[arg-type]
            return receive(said, largest=LARGEST)  # type: ignore[arg-type]
        except (OSError, EOFError, ValueError, RecursionError) as error:
            self.end()
            raise (ChildLateError if late.is_set() else ChildEndedError) from error
        finally:
            clock.cancel()

    def _begun(self) -> tuple["subprocess.Popen[bytes]", Callable[[], object]]:
        if self._process is None or self._owner != os.getpid():
            self._owner = os.getpid()
            surroundings = {name: os.environ[name] for name in KEPT if name in os.environ}
            surroundings |= {"PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "2"}
            self._process = subprocess.Popen(
                [sys.executable, "-P", self._program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=surroundings,
            )
            self._end = weakref.finalize(self, _end, self._process, self._owner)
        return self._process, self._end


def _nothing() -> None:
    """There is no child yet."""


def _end(process: "subprocess.Popen[bytes]", owner: int) -> None:
    if owner != os.getpid():  # a copy of the process that began it, which still needs it
        return
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:  # what was not written yet has nobody to go to
                continue
    process.wait()
