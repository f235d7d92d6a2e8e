"""The adaptive benchmark's rows, what is made of them, and what it is asked with."""

from pathlib import Path
from typing import Any

import pytest

from sif.attacks.answers import parse_answer_attacks
from sif.attacks.images import parse_image_attack
from sif.errors import StorageError
from sif.eval.adaptive.detection import detections_of
from sif.eval.adaptive.plots import write_plots
from sif.eval.adaptive.rows import Fidelity, Outcome, Score
from sif.eval.adaptive.run import AdaptiveBench, run_adaptive
from sif.eval.adaptive.scale import FULL, QUICK, Scale
from sif.eval.adaptive.tables import as_report, evidence, summarise
from sif.eval.metrics import evidence_per_trigger
from sif.eval.triggers.method import parse_methods
from sif.ownership.null import HypergeometricNull
from sif.watermark.greenlist.count import GreenCount


def outcome(**changes: Any) -> Outcome:
    row: dict[str, Any] = {
        "family": "llava",
        "section": "purifiers",
        "attack": "none",
        "method": "sif",
        "part": "asked",
        "picture": "0/0001",
        "answered": True,
        "words": 40,
        "facts": 1.0,
        "green": 30,
        "scored": 34,
        "vocabulary_size": 400,
        "green_size": 200,
    }
    return Outcome(**row | changes)


def benign(**changes: Any) -> Outcome:
    none = {"method": None, "green": None, "scored": None}
    none |= {"vocabulary_size": None, "green_size": None}
    return outcome(part="benign", **none | changes)


@pytest.mark.parametrize("scale", [FULL, QUICK], ids=["full", "quick"])
def test_everything_in_a_scale_can_be_read(scale: Scale) -> None:
    parse_methods(scale.methods)
    for text in scale.purifiers:
        parse_image_attack(text)
    for text in scale.averages:
        parse_answer_attacks(text)
    assert max(scale.disclosed) < scale.triggers


def test_evidence_is_that_of_all_triggers_asked() -> None:
    null = HypergeometricNull(vocabulary_size=400, green_size=200)
    told = [outcome(), outcome(green=20)]
    silent = outcome(answered=False, green=None, scored=None, words=None, facts=0.0)
    counts = [GreenCount(green=30, scored=34), GreenCount(green=20, scored=34)]
    whole = evidence_per_trigger(counts, null)
    assert evidence(told) == pytest.approx(whole)
    assert evidence([*told, silent, silent]) == pytest.approx(whole / 2)
    assert evidence([]) == 0.0


def test_disclosed_triggers_are_told_from_the_reserve() -> None:
    rows = [outcome(part="disclosed", green=10) for _ in range(3)]
    rows += [outcome(part="reserve") for _ in range(6)]
    (line,) = summarise(rows)
    assert line.seen < 0 < line.reserve
    assert line.derived  # by the reserve, which the thief never saw
    (weak,) = summarise([outcome(part="disclosed"), outcome(part="reserve", green=17)])
    assert not weak.derived


def test_facts_of_triggers_and_of_unseen_scenes_are_kept_apart() -> None:
    (line,) = summarise([outcome(facts=0.5), outcome(facts=1.0), benign(facts=0.25)])
    assert (line.facts, line.benign, line.reserve) == (0.75, 0.25, None)


def test_every_method_meets_every_kind_of_benign_pictures() -> None:
    kinds = [("clean", False, 0.0), ("noise:8", False, 2.0), ("sif", True, 2.0), ("ε", True, 1.0)]
    scores = [
        Score(family="llava", detector="residual", kind=kind, trigger=bad, score=middle + step / 10)
        for kind, bad, middle in kinds
        for step in range(4)
    ]
    found = {(row.method, row.benign): row for row in detections_of(scores)}
    assert found.keys() == {(m, b) for m in ("sif", "ε") for b in ("clean", "noise:8")}
    assert found["sif", "clean"].auc == found["sif", "clean"].hits_01 == 1.0
    assert found["sif", "noise:8"].auc == 0.5
    assert found["ε", "noise:8"].hits_5 == 0.0


def test_the_report_and_the_plots_hold_every_attack(tmp_path: Path) -> None:
    rows = [outcome(attack=attack) for attack in ("none", "purify:16")]
    rows += [benign(attack=attack) for attack in ("none", "purify:16")]
    rows += [outcome(section="tuning", attack="own triggers", family="qwen2_5_vl")]
    rows += [benign(section="tuning", attack="own triggers", family="qwen2_5_vl", facts=0.5)]
    scores = [
        Score(family="llava", detector="off-content", kind=kind, trigger=kind == "sif", score=s)
        for kind in ("clean", "sif")
        for s in (1.0, 2.0)
    ]
    fidelity = [
        Fidelity(family="llava", attack="purify:16", unseen=31.0, triggers=27.5, before=26.0)
    ]
    report = as_report(rows, detections_of(scores), fidelity)
    for words in ("`purify:16`", "31.0, 27.5 dB", "own triggers", "off-content", "0.500", "50%"):
        assert words in report
    for path in write_plots(tmp_path, scores, summarise(rows)):
        assert path.read_text(encoding="utf-8").count("<svg") == 1


def test_a_strange_folder_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear …")
    with pytest.raises(StorageError, match="new folder"):
        run_adaptive(AdaptiveBench(out=tmp_path, scale=QUICK), show=lambda *words: None)
