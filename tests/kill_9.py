"""Commands that are killed in the middle, for tests of how they go on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 1200


def begin(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Starts a `sif` command in a process of its own that says nothing, and hears Ctrl-C."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with hearing_ctrl_c():
        return subprocess.Popen(
            [sys.executable, "-m", "sif.cli.main", *arguments],
            env=os.environ | {"PYTHONPATH": paths},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def hearing_ctrl_c() -> Iterator[None]:
    """What is started inside hears it, also where the tests themselves run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def holding(
    program: str, *arguments: str | Path, **environment: str
) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """A process in the middle of something, and the place whose name it printed; killed at last."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    assert process.stdout is not None
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def kill_once_there_is(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Kills a process as soon as it has made a file, and in any case before it returns."""
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while not path.exists():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < until, f"{path.name} did not come"
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
