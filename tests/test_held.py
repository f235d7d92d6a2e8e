"""A folder is one command's at a time, and nobody's once that command is gone."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sif.errors import StorageError
from sif.eval.study import Workplace, claim, read_settings, run_study
from sif.eval.triggers.study import STUDY
from sif.held import held

HOLDING = """
import sys, time
from pathlib import Path
from sif.held import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_command_is_told_and_the_folder_is_free_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with (
        held(folder),
        pytest.raises(StorageError, match="for this command alone, got another"),
        held(folder),
    ):
        pass
    with held(folder):
        pass


def test_a_command_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StorageError), held(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with held(tmp_path):
        pass


def test_two_studies_do_not_run_in_one_folder(tmp_path: Path) -> None:
    place = Workplace(out=tmp_path / "bench", show=lambda *_: None)
    claim(place.out, STUDY)
    with held(place.out), pytest.raises(StorageError, match="for this command alone"):
        run_study(STUDY, read_settings(STUDY, [], quick=True), place)
