"""Parts carried out here and in other processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from sif.errors import SifError, StorageError
from sif.eval.jobs import Show, workers

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Telling:
    """Says where it runs, with how many threads."""

    number: int

    def run(self, show: Show) -> tuple[int, int, int]:
        show("telling", self.number, 3, "words")
        show(f"last of {self.number}", 1, 1, "")
        return self.number, os.getpid(), torch.get_num_threads()


@dataclass(frozen=True)
class Talking:
    """Tells so often, in a kilobyte each."""

    often: int

    def run(self, show: Show) -> int:
        for number in range(self.often):
            show(f"stage {number}", 1, 1, 1000 * "x")
        return self.often


@dataclass(frozen=True)
class Failing:
    def run(self, show: Show) -> int:
        raise StorageError("cannot write it")


@dataclass(frozen=True)
class Dying:
    def run(self, show: Show) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


@dataclass(frozen=True)
class Sleeping:
    folder: Path
    number: int

    def run(self, show: Show) -> int:
        (self.folder / f"{self.number}.pid").write_text(str(os.getpid()))
        time.sleep(600)
        return 0


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


def test_one_job_is_this_process_with_its_own_threads() -> None:
    told: list[tuple[str, float, float, str]] = []
    with workers(1, lambda *words: told.append(words)) as some:
        found = some.run([Telling(2), Telling(1)])
    threads = torch.get_num_threads()
    assert found == [(2, os.getpid(), threads), (1, os.getpid(), threads)]
    assert told[0] == ("telling", 2, 3, "words")


@pytest.mark.slow
def test_jobs_are_other_processes_of_one_thread_that_tell_how_far_they_are() -> None:
    told: list[tuple[str, float, float, str]] = []
    with workers(2, lambda *words: told.append(words)) as some:
        found = some.run([Telling(number) for number in range(4)])
        again = some.run([Telling(9)])
    assert [number for number, _, _ in found + again] == [0, 1, 2, 3, 9]
    assert os.getpid() not in {process for _, process, _ in found}
    assert {threads for _, _, threads in found} == {1}
    assert {f"last of {number}" for number in range(4)} <= {stage for stage, *_ in told}


@pytest.mark.slow
def test_all_that_a_part_told_is_shown_before_its_result_is_there() -> None:
    told: list[tuple[str, float, float, str]] = []
    with workers(2, lambda *words: told.append(words)) as some:
        for number in range(0, 200, 2):
            parts = [Telling(number), Telling(number + 1)]
            some.run(parts)
            lasts = {f"last of {one}" for one in (number, number + 1)}
            assert lasts <= {stage for stage, *_ in told}
            told.clear()


@pytest.mark.slow
def test_a_part_may_tell_more_than_a_pipe_holds() -> None:
    told: list[tuple[str, float, float, str]] = []
    with workers(2, lambda *words: told.append(words)) as some:
        assert some.run([Talking(often) for often in (300, 301)]) == [300, 301]
    assert len(told) == 601


@pytest.mark.slow
def test_what_a_part_raises_reaches_the_caller_and_ends_the_others(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(StorageError, match="cannot write it"), workers(2, _ignore) as some:
        some.run([Sleeping(tmp_path, 1), Failing()])
    assert time.monotonic() - began < 300


@pytest.mark.slow
def test_a_process_that_is_killed_is_an_error_in_one_line() -> None:
    with pytest.raises(SifError, match="fewer --jobs"), workers(2, _ignore) as some:
        some.run([Dying(), Telling(1)])


SLEEP = """
import sys
from pathlib import Path
from sif.eval.jobs import workers
from tests.eval.test_jobs import Sleeping, _ignore
if __name__ == "__main__":
    with workers(2, _ignore) as some:
        some.run([Sleeping(Path(sys.argv[1]), number) for number in range(2)])
"""


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them_even_by_kill_9(tmp_path: Path) -> None:
    script = tmp_path / "sleep.py"
    script.write_text(SLEEP)
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    }
    parent = subprocess.Popen([sys.executable, script, tmp_path], env=environment)
    try:
        _await(lambda: len(list(tmp_path.glob("*.pid"))) == 2, 240)
    finally:
        parent.kill()
        parent.wait()
    children = [int(path.read_text()) for path in tmp_path.glob("*.pid")]
    _await(lambda: not any(map(_is_alive, children)), 60)


def _await(reached: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.05)


def _is_alive(process: int) -> bool:
    """Whether it runs; what is dead but not yet collected does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
