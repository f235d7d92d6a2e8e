"""What killed processes had begun to write goes with the next write there, and nothing else."""

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sif.errors import StorageError
from sif.files import claim_folder, write_atomically
from sif.staging import is_staged, staged, sweep
from sif.watermark.keys import KeyRing
from tests.kill_9 import holding

HOLDING = (
    "import sys, time\nfrom pathlib import Path\nfrom sif.staging import staged\n"
    "with staged(Path(sys.argv[1]), folder=bool(sys.argv[2])) as place:\n"
    "    (place / 'weights' if sys.argv[2] else place).write_text('half of it')\n"
    "    print(place, flush=True)\n    time.sleep(60)\n"
)


def writer(target: Path, kind: str) -> AbstractContextManager[tuple["subprocess.Popen[str]", Path]]:
    """Another process in the middle of writing."""
    return holding(HOLDING, target, "folder" if kind == "folder" else "")


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_only_what_a_killed_process_left_is_swept(tmp_path: Path, kind: str) -> None:
    with writer(tmp_path / "model", kind) as (process, place):
        assert is_staged(place)
        assert place.parent == tmp_path
        sweep(tmp_path)
        assert place.exists()  # it is being written
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert place.exists()
        write_atomically(tmp_path / "another", "x")
        assert [path.name for path in tmp_path.iterdir()] == ["another"]


def test_what_is_not_ours_stays(tmp_path: Path, gone: int) -> None:
    """Names of others, links, and what somebody holds under a number that is gone."""
    room, mine = tmp_path / "room", tmp_path / "mine"
    room.mkdir()
    mine.mkdir()
    (mine / "thesis.tex").touch()
    strangers = [".a.sif-1x-abcdefgh", f"a.sif-{gone}-abcdefgh", f".a.sif-{gone}-short", ".a.tmp"]
    for name in strangers:
        (room / name).touch()
    (room / f".linked.sif-{gone}-abcdefgh").symlink_to(mine)
    os.mkfifo(room / f".pipe.sif-{gone}-abcdefgh")
    sweep(room)
    assert len(list(room.iterdir())) == len(strangers) + 2
    assert (mine / "thesis.tex").exists()
    held = room / f".model.sif-{gone}-abcdefgh"
    with staged(room / "model") as place:
        place.rename(held)
        sweep(room)
        assert held.exists()
    sweep(room)
    assert not held.exists()


def test_names_of_any_length_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / (250 * "x")
    write_atomically(file, "whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


def test_what_was_left_does_not_make_a_folder_somebody_elses(tmp_path: Path, gone: int) -> None:
    (tmp_path / f".mark.txt.sif-{gone}-abcdefgh").write_text("half of i")
    claim_folder(tmp_path, mark="mark.txt", words="ours")
    assert [path.name for path in tmp_path.iterdir()] == ["mark.txt"]
    (tmp_path / "mark.txt").rename(tmp_path / "thesis.tex")
    with pytest.raises(StorageError, match="name another"):
        claim_folder(tmp_path, mark="mark.txt", words="ours")


def test_a_secret_that_got_its_name_as_its_process_died_is_not_there_twice(
    tmp_path: Path, gone: int
) -> None:
    keys = KeyRing.generate()
    keys.save(tmp_path / "secret.key")
    (tmp_path / f".secret.key.sif-{gone}-abcdefgh").hardlink_to(tmp_path / "secret.key")
    with pytest.raises(StorageError, match="never overwritten"):
        keys.save(tmp_path / "secret.key")
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
