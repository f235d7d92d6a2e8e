"""A truly small run, from marks to tables, and what an interruption leaves."""

import shutil
from pathlib import Path

import pytest

from sif.errors import StorageError, UsageError
from sif.eval.marks.comparing import compare
from sif.eval.marks.marking import mark
from sif.eval.marks.results import Rows
from sif.eval.marks.setting import MarkSettings, Places
from sif.eval.marks.study import STUDY
from sif.eval.marks.suspects import prepare_source, suspect
from sif.eval.study import Workplace, run_study
from sif.marks.vision_model import VisionModel

TINY = MarkSettings(
    sources=("llava-tower",),
    modes=("keyed",),
    pictures=60,
    holdout=8,
    steps=150,
    block_steps=2,
    unseen=10,
    tuning_steps=3,
    distillation_steps=2,
    train=40,
    test=20,
    starts=8,
    iterations=4,
    suspects=("digits-cosine", "pruned-20", "int8", "distilled", "clean", "llava-stranger-b"),
)


def shown(stage: str, done: float, total: float, words: str) -> None:
    assert 0 <= done <= total


def run(out: Path, setting: MarkSettings = TINY) -> Rows:
    run_study(STUDY, setting, Workplace(out=out, show=shown))
    return Rows.model_validate_json((out / "results.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rows]:
    out = tmp_path_factory.mktemp("bench") / "out"
    return out, run(out)


@pytest.mark.slow
def test_copies_are_detected_and_innocents_are_not(finished: tuple[Path, Rows]) -> None:
    _, rows = finished
    rate = {
        name: sum(r.detected for r in mine) / len(mine)
        for name in ("marked", "int8", "clean")
        if (mine := [r for r in rows.readings if (r.mode, r.suspect) == ("keyed", name)])
    }
    assert rate["marked"] == rate["int8"] == 1.0
    assert rate["clean"] == 0.0
    verdicts = {(s.mode, s.suspect): s.decision for s in rows.suspects}
    assert verdicts["keyed", "int8"] == "derived"
    assert verdicts["keyed", "clean"] == "not_shown"
    assert verdicts["keyed", "llava-stranger-b"] == "other shapes"


@pytest.mark.slow
def test_every_kind_of_row_is_there_and_written(finished: tuple[Path, Rows]) -> None:
    out, rows = finished
    assert [(row.source, row.mode, row.images) for row in rows.markings] == [
        ("llava-tower", "keyed", 8)
    ]
    assert [row.block for row in rows.blocks] == [0, 1, 2]
    assert {row.method for row in rows.compared} == {"IPGuard", "ADV-TRA"}
    own = [row for row in rows.compared if row.suspect == "marked"]
    assert [row.score for row in own] == [1.0, 1.0]
    names = {path.name for path in out.iterdir() if path.is_file()}
    pictures = {"errors.svg", "suspects.svg", "blocks.svg"}
    assert names >= {"summary.md", "results.json", *pictures}
    assert names >= {f"{kind}.parquet" for kind in rows.kinds()}


@pytest.mark.slow
def test_a_run_that_was_interrupted_goes_on_and_finds_the_same(
    finished: tuple[Path, Rows],
) -> None:
    out, rows = finished
    places = Places(out, "llava-tower", "keyed")
    shutil.rmtree(places.copy("pruned-20"))
    for name in ("pruned-20", "int8"):
        places.row("rows", name).unlink()
    before = places.copy("int8").stat().st_mtime_ns
    again = run(out)
    assert again.readings == rows.readings
    assert places.copy("int8").stat().st_mtime_ns == before


def test_a_mark_that_comes_to_nothing_leaves_no_rows_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise UsageError("expected the marked model to decode at least one hold-out image")

    monkeypatch.setattr("sif.eval.marks.marking.embed", fail)
    setting = TINY.model_copy(update={"suspects": ("int8",)})
    prepare_source(setting, tmp_path, "llava-tower")
    assert mark(setting, tmp_path, "llava-tower", "paper", shown) == Rows()
    assert suspect(setting, tmp_path, "llava-tower", "paper", "int8") == Rows()
    assert compare(setting, tmp_path, "llava-tower", "paper", shown) == Rows()


@pytest.mark.slow
def test_a_stolen_model_is_a_folder_that_loads(finished: tuple[Path, Rows]) -> None:
    out, _ = finished
    for name in ("digits-cosine", "pruned-20", "int8", "distilled"):
        folder = Places(out, "llava-tower", "keyed").copy(name)
        assert len(VisionModel.load(folder, device="cpu").blocks) == 4


@pytest.mark.slow
def test_another_setting_and_a_damaged_row_are_refused(finished: tuple[Path, Rows]) -> None:
    out, _ = finished
    with pytest.raises(UsageError, match=r"settings\.json"):
        run(out, TINY.model_copy(update={"seed": 1}))
    row = Places(out, "llava-tower", "keyed").row("rows", "marked")
    whole = row.read_text()
    row.write_text(whole[:100])
    with pytest.raises(StorageError, match="remove it"):
        run(out)
    row.write_text(whole)
