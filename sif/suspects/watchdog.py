"""Runs a command for as long as its standard input stays open: a child that outlives no parent.

`python watchdog.py SECONDS COMMAND…` ends itself and all that the command started when
whoever holds the other end of its input closes it, or dies, kill -9 included. It must lead a
process group of its own. Knows nothing of what it runs, and imports nothing but the standard
library.
"""

import os
import signal
import subprocess
import sys
import threading
import time


def main(patience: float, command: list[str]) -> int:
    """Runs the command to its end; its exit status.

    Args:
        patience: seconds between asking the group to end and killing it.
        command: program and arguments.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    left_alone = threading.Event()
    threading.Thread(target=_end_with_input, args=(patience, left_alone), daemon=True).start()
    status = process.wait()
    if left_alone.is_set():
        os.killpg(0, signal.SIGKILL)
    return status if status >= 0 else 128 - status


def _end_with_input(patience: float, left_alone: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    left_alone.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(patience)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    if os.getpgrp() != os.getpid():
        sys.exit("expected to lead a process group, for its end is the end of the group")
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
