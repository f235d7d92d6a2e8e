"""Models of a benchmark: who makes them, and how often."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sif.eval.triggers import asking
from sif.eval.triggers.asking import Late, model_folder
from sif.eval.triggers.roster import roster
from sif.mini.catalogue import Model
from sif.suspects.scripted import ScriptedSuspect
from tests.suspects.questions import question


def test_a_model_that_two_jobs_need_is_exported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[str] = []

    def export(model: Model, folder: Path) -> None:
        exported.append(model.name)
        time.sleep(0.2)
        folder.mkdir()

    monkeypatch.setattr(asking, "export", export)
    source = roster("llava")[0]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(model_folder, tmp_path / "models", source, lambda *_: None)
            for _ in range(4)
        ]
    assert {job.result() for job in jobs} == {tmp_path / "models" / "llava-source"}
    assert exported == ["llava-source"]


def test_a_late_suspect_counts_what_it_was_asked_and_how_long_it_took() -> None:
    opened: list[str] = []

    def open_suspect() -> ScriptedSuspect:
        opened.append("once")
        return ScriptedSuspect(lambda query: "a word")

    late = Late(open_suspect, "later")
    assert (late.name, late.asked, opened) == ("later", 0, [])
    late.ask([question(0), question(1)])
    late.ask([question(2)])
    assert (late.asked, opened) == (3, ["once"])
    assert 0 <= late.seconds <= late.busy
