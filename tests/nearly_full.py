"""A disk that is nearly full, for the few lines that need it."""

import contextlib
import resource
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def nearly_full_disk(room: int) -> Iterator[None]:
    """No file of this process may grow beyond `room` bytes: writing more fails as on a full disk.

    The log that the tests' output goes to is such a file too: print nothing within.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
