"""A whole rebuilding in little, on a bundled model: killed in the middle, it goes on."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sif.eval.paper import served
from sif.eval.paper.plans import PaperSettings
from sif.eval.paper.study import STUDY
from sif.eval.study import Workplace, run_study
from sif.eval.triggers import making

SETTINGS = PaperSettings(
    families=("llava",),
    rivals=("PLA", "ProFLingo", "IF"),
    radii=(0.0,),
    triggers=2,
    steps=2,
    suspects=("nf4",),
    references=("sibling-c",),
    scenes=40,
)


class _KilledError(RuntimeError):
    """Something outside ended the work."""


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


@pytest.mark.slow
def test_it_ends_in_a_page_and_goes_on_where_it_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workplace(out=tmp_path / "paper", show=_ignore)

    def die(*_: object, **__: object) -> None:
        raise _KilledError

    with monkeypatch.context() as broken:
        broken.setattr(served, "measure", die)
        with pytest.raises(_KilledError):
            run_study(STUDY, SETTINGS, place)
    assert not (place.out / "summary.md").exists()
    with monkeypatch.context() as known:
        known.setattr(making, "make_fingerprint", die)  # nothing is made twice
        known.setattr(making, "make_baseline", die)
        known.setattr(making, "make_prefixes", die)
        known.setattr(making, "mark_model", die)
        run_study(STUDY, SETTINGS, place)
    page = (place.out / "summary.md").read_text(encoding="utf-8")
    assert "too few benign questions for these limits" in page
    assert "paper limits, beside sibling-c; 100.0%" in page
    rows = pq.read_table(place.out / "paper.parquet").to_pylist()
    measured = {(one["table"], one["column"]): one["total"] for one in rows if one["total"]}
    assert measured["suspects", "SIF"] == measured["suspects", "PLA"] == 2
    assert measured["ablation", "SAFD only"] == 2
    assert measured["pictures", "PLA"] == measured["divergence", "SIF"] == 2
    assert measured["suspects", "ProFLingo"] == measured["divergence", "IF"] == 2
    flagged = pq.read_table(place.out / "flagged.parquet").to_pylist()
    methods = {"sif-paper", "pla", "proflingo", "instructional@epochs=100"}
    assert {one["asked"] for one in flagged} == {
        "benign",
        "benign, instructional@epochs=100-0",
        *methods,
    }
    assert all(one["total"] == 20 for one in flagged if "benign" in one["asked"])
