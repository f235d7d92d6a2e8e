"""Parts carried out here and in other processes."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
import torch

from sif.errors import SifError, StorageError
from sif.scale.hire import hire, hire_each
from sif.scale.workforce import Workforce
from tests.scale.parts import (
    Blundering,
    Dying,
    DyingOnce,
    Failing,
    Sleeping,
    Talking,
    Telling,
    ignore,
    is_alive,
)

ROOT = Path(__file__).parents[2]
TWO = Workforce(jobs=2)


def test_one_job_is_this_process_with_its_own_threads() -> None:
    told: list[tuple[object, ...]] = []
    with hire(Workforce(), lambda *words: told.append(words)) as crew:
        found = crew.run([Telling(2), Telling(1)])
    threads = torch.get_num_threads()
    assert found == [(2, os.getpid(), threads), (1, os.getpid(), threads)]
    assert told[0] == ("telling", 2, 3, "words")


def test_one_job_may_be_told_how_many_threads_to_use() -> None:
    before = torch.get_num_threads()
    with hire(Workforce(threads=before + 1), ignore) as crew:
        assert crew.run([Telling(2)]) == [(2, os.getpid(), before + 1)]
    assert torch.get_num_threads() == before


def test_what_a_part_raises_here_reaches_the_caller() -> None:
    with pytest.raises(StorageError, match="cannot write it"), hire(Workforce(), ignore) as crew:
        crew.run([Telling(2), Failing()])


@pytest.mark.slow
def test_jobs_are_other_processes_of_one_thread_that_tell_how_far_they_are() -> None:
    told: list[tuple[object, ...]] = []
    with hire(TWO, lambda *words: told.append(words)) as crew:
        found = crew.run([Telling(number) for number in range(4)])
        again = crew.run([Telling(9)])
        for number in range(0, 100, 2):
            crew.run([Telling(number), Telling(number + 1)])
            lasts = {f"last of {one}" for one in (number, number + 1)}
            assert lasts <= {stage for stage, *_ in told}  # before its result is there
        assert crew.run([Talking(often) for often in (300, 301)]) == [300, 301]  # more than a pipe
    assert [number for number, _, _ in found + again] == [0, 1, 2, 3, 9]
    assert os.getpid() not in {process for _, process, _ in found}
    assert {threads for _, _, threads in found} == {1}
    assert {f"last of {number}" for number in range(4)} <= {stage for stage, *_ in told}
    assert sum(str(stage).startswith("stage") for stage, *_ in told) == 601


@pytest.mark.slow
def test_what_a_part_raises_reaches_the_caller_and_ends_the_others(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(StorageError, match="cannot write it"), hire(TWO, ignore) as crew:
        crew.run([Sleeping(tmp_path, 1), Failing()])
    assert time.monotonic() - began < 300


@pytest.mark.slow
def test_a_part_whose_process_is_killed_is_begun_again_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with hire(TWO, ignore) as crew:
        assert crew.run([DyingOnce(tmp_path, number) for number in range(3)]) == [0, 1, 2]
    assert "a worker was lost (it was killed, perhaps for want of memory)" in caplog.text


@pytest.mark.slow
def test_a_part_that_kills_every_process_is_given_up_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    force = Workforce(jobs=2, losses=1)
    given_up = pytest.raises(SifError, match=r"2 that were lost.*fewer --jobs")
    with given_up, hire(force, ignore) as crew:
        crew.run([Dying(), Telling(1)])


SLEEP = """
import sys
from pathlib import Path
from sif.scale.hire import hire, hire_each
from sif.scale.workforce import Workforce
from tests.scale.parts import Sleeping, ignore
if __name__ == "__main__":
    ray = sys.argv[2] if len(sys.argv) > 2 else None
    with hire(Workforce(jobs=2, ray=ray), ignore) as crew:
        crew.run([Sleeping(Path(sys.argv[1]), number) for number in range(2)])
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", [(), ("local",)])
def test_processes_end_with_the_one_that_started_them_even_by_kill_9(
    tmp_path: Path, place: tuple[str, ...]
) -> None:
    script = tmp_path / "sleep.py"
    script.write_text(SLEEP)
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    }
    parent = subprocess.Popen([sys.executable, script, tmp_path, *place], env=environment)
    try:
        await_that(lambda: len(list(tmp_path.glob("*.pid"))) == 2, 240)
    finally:
        parent.kill()
        parent.wait()
    children = [int(path.read_text()) for path in tmp_path.glob("*.pid")]
    await_that(lambda: not any(map(is_alive, children)), 60)


def await_that(reached: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_crews_of_one_are_used_again_after_a_failure_and_end_each_by_itself(tmp_path: Path) -> None:
    with hire_each(Workforce(jobs=3, losses=1), ignore, most=2) as crews:
        assert [crew.size for crew in crews] == [1, 1]
        first, second = crews
        ((_, process, threads),) = first.run([Telling(1)])
        assert threads == 1
        with pytest.raises(StorageError, match="cannot write it"):
            first.run([Failing()])
        with pytest.raises(KeyError):
            first.run([Blundering()])
        assert first.run([Telling(2)]) == [(2, process, 1)]  # what it holds is still there
        ((_, other, _),) = second.run([Telling(3)])
        assert other != process
        with pytest.raises(SifError, match="got 2 that were lost"):
            second.run([Dying()])
        assert second.run([Telling(4)])[0][1] not in (process, other)
        assert first.run([Telling(5)]) == [(5, process, 1)]

        ended: list[BaseException] = []

        def sleep() -> None:
            with pytest.raises(CancelledError) as caught:
                first.run([Sleeping(tmp_path, 1)])
            ended.append(caught.value)

        thread = threading.Thread(target=sleep)
        thread.start()
        await_that(lambda: (tmp_path / "1.pid").exists(), 60)
        first.stop()
        thread.join(10)
        assert ended
        assert second.run([Telling(6)])[0][0] == 6
        raised = KeyboardInterrupt
        sleeper = int((tmp_path / "1.pid").read_text())
        with pytest.raises(raised), hire_each(TWO, ignore, most=1) as (third,):
            ((_, mine, _),) = third.run([Telling(7)])
            raise KeyboardInterrupt
        await_that(lambda: not is_alive(mine), 10)
        assert is_alive(sleeper)
        crews[0].end(at_once=True)  # type: ignore[attr-defined]
