"""Temporary folders go with whoever made them, and those of the killed go at the next start."""

import signal
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sif.scratch import remove_abandoned, scratch
from tests.kill_9 import holding

HOLDING = (
    "import time\nfrom pathlib import Path\nfrom sif.scratch import scratch\n"
    "with scratch('audit') as folder:\n"
    "    (folder / 'claim').mkdir()\n    (folder / 'claim' / 'secret.key').write_text('hush')\n"
    "    print(folder, flush=True)\n    time.sleep(60)\n"
)


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are."""
    made = tmp_path / "tmp"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


def holder(room: Path) -> AbstractContextManager[tuple["subprocess.Popen[str]", Path]]:
    """Another process with a folder of its own."""
    return holding(HOLDING, TMPDIR=str(room))


def test_a_folder_is_private_and_gone_afterwards(room: Path) -> None:
    with scratch("run") as folder:
        assert folder.parent == room
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "x").touch()
    assert list(room.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), scratch("run"):
        raise KeyboardInterrupt
    assert list(room.iterdir()) == []


def test_what_a_killed_process_left_goes_at_the_next_start(room: Path) -> None:
    with holder(room) as (process, folder):
        assert (folder / "claim" / "secret.key").exists()
        remove_abandoned()
        assert folder.exists()  # it runs
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert folder.exists()
        with scratch("audit"):
            assert not folder.exists()


def test_the_command_line_removes_it_too(room: Path, sif) -> None:
    with holder(room) as (process, folder):
        process.kill()
        process.wait()
        assert sif("--version")[0] == 0
        assert not folder.exists()


def test_what_is_not_ours_stays(room: Path, tmp_path: Path) -> None:
    """Other names, files, links, and folders that somebody holds under a number that is gone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    names = [f"sif-scratch-audit-{gone.pid}-linked", "sif-scratch-audit-x-y", "sif-audit-1-2"]
    (room / names[0]).symlink_to(tmp_path / "mine")
    (room / names[1]).mkdir()
    (room / names[2]).mkdir()
    (room / f"sif-scratch-audit-{gone.pid}-file").touch()
    remove_abandoned()
    assert len(list(room.iterdir())) == 4
    assert (tmp_path / "mine" / "thesis.tex").exists()
    held = room / f"sif-scratch-audit-{gone.pid}-held"
    with scratch("audit") as folder:
        folder.rename(held)
        remove_abandoned()
        assert held.exists()
    remove_abandoned()
    assert not held.exists()
