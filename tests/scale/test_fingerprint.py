"""One fingerprint made by one process, by several and on Ray: the same files."""

import logging
import os
import pickle
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sif.fingerprint.making import MakingProgress
from sif.fingerprint.plan import Wish
from sif.scale.connection import connected, library
from sif.scale.workforce import Workforce
from sif.vlm.model import Vlm
from tests.fingerprint.small import KEYS, pictures, small_fingerprint, small_recipe
from tests.fingerprint.test_make import public_bytes
from tests.kill_9 import begin
from tests.scale.parts import is_alive
from tests.scale.test_processes import await_that

pytestmark = pytest.mark.slow
SETTINGS = {
    "images": pictures(6),
    "recipe": small_recipe(steps=1, attempts=2, minimum_z=99.0),
    "batch_size": 1,
}


@pytest.fixture(scope="module")
def vlm(untrained_llava: Path) -> Vlm:
    return Vlm.load(untrained_llava, device="cpu")


@pytest.fixture(scope="module")
def whole(vlm: Vlm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Six triggers in six lots, made in this process."""
    folder = tmp_path_factory.mktemp("fingerprint") / "whole"
    small_fingerprint(vlm, folder, **SETTINGS)
    return public_bytes(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    local = Workforce(ray="local", jobs=5)
    with connected(library(local), local):
        yield


@pytest.mark.parametrize("jobs", [2, 5])
def test_processes_make_the_same_files_and_tell_one_progress(
    vlm: Vlm, whole: dict[str, bytes], tmp_path: Path, jobs: int
) -> None:
    told: list[MakingProgress] = []
    force = Workforce(jobs=jobs)
    made = small_fingerprint(vlm, tmp_path / "fp", **SETTINGS, workforce=force, report=told.append)
    assert public_bytes(tmp_path / "fp") == whole
    assert "secret" not in repr(force)
    assert all(0 <= one.done + one.part <= 6 for one in told)
    assert max(one.done for one in told) >= 6 - jobs
    assert made.keys is not None


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("jobs", [2, 5])
def test_a_ray_cluster_makes_the_same_files(
    vlm: Vlm, whole: dict[str, bytes], tmp_path: Path, jobs: int
) -> None:
    force = Workforce(jobs=jobs, ray="local")
    small_fingerprint(vlm, tmp_path / "fp", **SETTINGS, workforce=force)
    assert public_bytes(tmp_path / "fp") == whole


@pytest.mark.usefixtures("cluster")
def test_workers_without_the_model_are_sent_it(
    vlm: Vlm,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As on another machine: what the workers find under the model's path has other files."""
    caplog.set_level(logging.INFO, logger="sif")
    monkeypatch.setattr("sif.scale.lent._listed", lambda folder: iter(["config.json 1 elsewhere"]))
    force = Workforce(jobs=1, ray="local")
    small_fingerprint(vlm, tmp_path / "fp", **SETTINGS, workforce=force)
    assert "is sent through the store" in caplog.text
    assert public_bytes(tmp_path / "fp") == whole


def test_a_part_holds_no_secret_and_shows_no_green_word(vlm: Vlm) -> None:
    wish = Wish.of(vlm, SETTINGS["images"], recipe=small_recipe(), keys=KEYS, batch_size=2)
    plan = wish.planned(KEYS, content=None, files=None)
    lot = next(plan.lots(plan.batches()))
    sent, key = pickle.dumps(lot), KEYS.key("0001")
    assert lot.drafts[0].green.tobytes() in sent
    for hidden in (bytes(range(32)), bytes(range(32)).hex().encode(), key, key.hex().encode()):
        assert hidden not in sent
    for shown in (repr(lot), repr(lot.drafts[0])):
        assert "green=" not in shown
        assert key.hex() not in shown


class Work:
    """A fingerprint made by the command, which is killed."""

    def __init__(self, folder: Path, model: Path, steps: int) -> None:
        self.out = folder / "fp"
        images, recipe, key = folder / "images", folder / "recipe.yaml", folder / "my.key"
        images.mkdir()
        for named in pictures(6):
            named.image.save(images / named.name)
        recipe.write_text(small_recipe(steps=steps, attempts=2, minimum_z=99.0).model_dump_json())
        KEYS.save(key)
        self.arguments = ["fingerprint", model, "--images", images, "--recipe", recipe]
        self.arguments += ["--secret", key, "--batch", "1", "--device", "cpu"]

    def begin(self, out: Path, *force: str) -> "subprocess.Popen[bytes]":
        return begin(*self.arguments, "--out", out, *force)

    def made(self) -> int:
        return len(list((self.out / "triggers").glob("*.json")))


def workers_of(driver: int) -> list[int]:
    """Processes below the driver that compute: Ray's actors, or those of its pool."""
    found = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in found.stdout.splitlines()]
    below, grown = {driver}, True
    while grown:
        more = {int(pid) for pid, parent, *_ in rows if int(parent) in below} - below
        below, grown = below | more, bool(more)
    return [
        int(pid)
        for pid, _, *words in rows
        if int(pid) in below and words and ("ray::Hand" in words[0] or "spawn_main" in words[0])
    ]


@pytest.mark.parametrize(
    ("force", "workers", "drivers"),
    [
        (("--jobs", "2"), 1, 1),
        (("--jobs", "2", "--ray", "local"), 2, 1),
        pytest.param(("--jobs", "2", "--ray", "local"), 10, 3, marks=pytest.mark.long),
        pytest.param(("--jobs", "2"), 8, 3, marks=pytest.mark.long),
    ],
)
def test_workers_and_drivers_that_are_killed_lose_nothing(
    untrained_llava: Path, tmp_path: Path, force: tuple[str, ...], workers: int, drivers: int
) -> None:
    work = Work(tmp_path, untrained_llava, steps=5 * (workers + drivers))
    rng, kills = Random(workers), [*["worker"] * workers, *["driver"] * drivers]
    rng.shuffle(kills)
    driver, kept = work.begin(work.out, *force), 0
    for kill in kills:
        await_that(lambda: bool(workers_of(driver.pid)) or driver.poll() is not None, 120)  # noqa: B023
        time.sleep(rng.uniform(0, 2))
        if driver.poll() is not None:
            break
        everybody = workers_of(driver.pid)
        if kill == "driver":
            driver.kill()
            driver.wait()
            await_that(lambda: not any(map(is_alive, everybody)), 60)  # noqa: B023
            assert work.made() >= kept
            kept = work.made()
            driver = work.begin(work.out, *force)
        elif everybody:
            os.kill(rng.choice(everybody), signal.SIGKILL)
    assert driver.wait(timeout=600) == 0
    alone = work.begin(tmp_path / "alone")
    assert alone.wait(timeout=600) == 0
    assert public_bytes(work.out) == public_bytes(tmp_path / "alone")
