"""A child that outlives no parent."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sif.suspects import watchdog

GUARD = [sys.executable, "-I", watchdog.__file__]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 30
    while _alive(pid):
        assert time.monotonic() < deadline, "the child is still there"
        time.sleep(0.05)


@pytest.mark.parametrize(("ending", "status"), [("exit 7", 7), ("kill -9 $$", 128 + 9)])
def test_the_commands_status_is_handed_on(ending: str, status: int) -> None:
    process = subprocess.Popen(
        [*GUARD, "5", "sh", "-c", ending], stdin=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    with process.stdin:
        assert process.wait(30) == status


def test_a_command_that_ignores_being_ended_is_killed_when_its_parent_is(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    stubborn = f"trap '' TERM; echo $$ > {note}; while :; do sleep 0.1; done"
    parent = f"""
import subprocess, time
guard = {[*GUARD, "0.5", "sh", "-c", stubborn]!r}
subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", parent])
    deadline = time.monotonic() + 30
    while not note.exists() or not note.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(note.read_text())
    assert _alive(child)
    process.kill()
    process.wait()
    _wait_for_end(child)
