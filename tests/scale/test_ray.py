"""Parts carried out by a real Ray cluster."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from sif.errors import SifError, StorageError, UsageError
from sif.scale.cluster import RayCrew
from sif.scale.connection import connected, library
from sif.scale.hire import hire, hire_each
from sif.scale.lent import Lent
from sif.scale.workforce import Workforce
from tests.kill_9 import hearing_ctrl_c
from tests.scale.parts import (
    Blundering,
    Dying,
    DyingOnce,
    Failing,
    Reading,
    Talking,
    Telling,
    ignore,
    is_alive,
)
from tests.scale.test_processes import ROOT, SLEEP, await_that

pytestmark = pytest.mark.slow
TWO = Workforce(jobs=2, ray="local")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One for all tests that do not end it."""
    with connected(library(TWO), TWO):
        yield


@pytest.mark.usefixtures("cluster")
def test_actors_are_other_processes_of_one_thread_that_tell_how_far_they_are() -> None:
    told: list[tuple[object, ...]] = []
    with hire(TWO, lambda *words: told.append(words)) as crew:
        assert crew.size == 2
        found = crew.run([Telling(number) for number in range(4)])
        for number in range(0, 40, 2):
            crew.run([Telling(number), Telling(number + 1)])
            lasts = {f"last of {one}" for one in (number, number + 1)}
            assert lasts <= {stage for stage, *_ in told}  # before its result is there
        assert crew.run([Talking(often) for often in (300, 301)]) == [300, 301]
        processes = {process for _, process, _ in found}
    assert [number for number, _, _ in found] == [0, 1, 2, 3]
    assert os.getpid() not in processes
    assert {threads for _, _, threads in found} == {1}
    await_that(lambda: not any(map(is_alive, processes)), 30)


@pytest.mark.usefixtures("cluster")
def test_what_a_part_raises_reaches_the_caller_as_it_was_and_is_not_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(StorageError) as caught, hire(TWO, ignore) as crew:
        crew.run([Telling(1), Failing()])
    assert str(caught.value) == "cannot write it"
    with pytest.raises(KeyError), hire(Workforce(jobs=1, ray="local"), ignore) as crew:
        crew.run([Blundering()])
    assert "lost" not in caplog.text


@pytest.mark.usefixtures("cluster")
def test_a_part_whose_worker_dies_goes_to_another_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with hire(TWO, ignore) as crew:
        assert crew.run([DyingOnce(tmp_path, number) for number in range(3)]) == [0, 1, 2]
    assert caplog.text.count("its part is begun again") == 3
    caplog.set_level(logging.ERROR)
    bounded = Workforce(jobs=1, ray="local", losses=1)
    with pytest.raises(SifError, match="got 2 that were lost"), hire(bounded, ignore) as crew:
        crew.run([Dying()])


@pytest.mark.usefixtures("cluster")
def test_crews_of_one_are_used_again_after_a_failure() -> None:
    with hire_each(Workforce(jobs=3, ray="local", losses=0), ignore, most=2) as crews:
        first, second = crews
        ((_, process, _),) = first.run([Telling(1)])
        with pytest.raises(StorageError, match="cannot write it"):
            first.run([Failing()])
        with pytest.raises(KeyError):
            first.run([Blundering()])
        assert first.run([Telling(2)]) == [(2, process, 1)]  # what it holds is still there
        with pytest.raises(SifError, match="got 1 that were lost"):
            second.run([Dying()])
        assert second.run([Telling(3)])[0][1] != process
        first.stop()
        with pytest.raises(CancelledError):
            first.run([Telling(4)])


@pytest.mark.usefixtures("cluster")
def test_a_folder_that_a_node_has_is_read_there_and_another_is_sent(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "weights.safetensors").write_bytes(os.urandom(300_000))
    (mine / "empty.txt").write_bytes(b"")
    sizes = {"empty.txt": 0, "weights.safetensors": 300_000}
    lent = Lent.of(str(mine))
    with hire(Workforce(jobs=1, ray="local"), ignore) as crew:
        assert crew.run([Reading(lent)]) == [(str(mine), sizes)]
        # For the worker this is a node with another folder under that path.
        first, second = crew.run([Reading(lent, missing=True), Reading(lent, missing=True)])
        assert first == second
        assert first[1] == sizes
        assert first[0] != str(mine)
        assert Path(first[0]).exists()
    assert not Path(first[0]).exists()


@pytest.mark.usefixtures("cluster")
def test_a_folder_that_workers_write_into_must_be_the_same_everywhere(
    tmp_path: Path,
) -> None:
    with hire(Workforce(jobs=1, ray="local"), ignore, shared=tmp_path / "out") as crew:
        assert crew.run([Telling(1)])[0][0] == 1
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("cluster")
def test_a_worker_that_there_is_no_room_for_is_refused_or_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    too_much = hire(Workforce(ray="local", cpus=1000), ignore)
    with pytest.raises(UsageError, match="room for a worker with 1000 CPUs"), too_much:
        pass
    many = (os.cpu_count() or 1) + 1
    with hire(Workforce(ray="local", jobs=many), ignore) as crew:
        assert isinstance(crew, RayCrew)
        assert [one[0] for one in crew.run([Telling(number) for number in range(4)])] == [*range(4)]
    assert f"has room for {many - 1} of {many} workers" in caplog.text


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:9", "expected a Ray cluster that takes us"),
        ("auto", "expected a Ray cluster on this machine or RAY_ADDRESS, got none"),
    ],
)
def test_no_cluster_is_one_line(address: str, words: str, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from sif.scale.hire import hire\n"
        "from sif.scale.workforce import Workforce\n"
        "from sif.errors import SifError\n"
        "try:\n"
        "    with hire(Workforce(ray=sys.argv[1]), print): pass\n"
        "except SifError as error:\n"
        "    sys.exit(str(error))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, address],
        env=os.environ | {"PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert words in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_ctrl_c_ends_everything_that_was_begun(tmp_path: Path) -> None:
    script = tmp_path / "sleep.py"
    script.write_text(SLEEP)
    with hearing_ctrl_c():
        parent = subprocess.Popen(
            [sys.executable, script, tmp_path, "local"],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
    await_that(lambda: len(list(tmp_path.glob("*.pid"))) == 2, 240)
    time.sleep(0.5)
    parent.send_signal(signal.SIGINT)
    _, said = parent.communicate(timeout=60)
    assert said.rstrip().endswith("KeyboardInterrupt")
    children = [int(path.read_text()) for path in tmp_path.glob("*.pid")]
    await_that(lambda: not any(map(is_alive, children)), 30)
