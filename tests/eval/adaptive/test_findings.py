"""The adaptive benchmark's rows, what is made of them, and what it is asked with."""

from pathlib import Path
from typing import Any

import pytest

from sif.attacks.answers import parse_answer_attacks
from sif.attacks.images import parse_image_attack
from sif.errors import StorageError, UsageError
from sif.eval.adaptive.detection import detections_of
from sif.eval.adaptive.findings import Fidelity, Score, as_report, plots, summarise
from sif.eval.adaptive.stage import AdaptiveSettings
from sif.eval.adaptive.study import STUDY
from sif.eval.attacks.questions import AttackCell
from sif.eval.metrics import evidence_per_trigger
from sif.eval.study import Workplace, read_settings, run_study
from sif.eval.triggers.method import parse_methods
from sif.eval.triggers.summary import evidence_of
from sif.ownership.null import HypergeometricNull
from sif.watermark.greenlist.count import GreenCount
from tests.eval.triggers.rows import cell


def outcome(**changes: Any) -> AttackCell:
    own: dict[str, Any] = {
        "kind": "purifiers",
        "attack": "none",
        "strength": "",
        "asked": "trigger",
        "words": 40,
        "facts": 1.0,
        "shapes": 1.0,
        "colours": 1.0,
        "places": 1.0,
    }
    own |= {name: changes.pop(name) for name in list(changes) if name in own}
    counted = {"green": 30, "scored": 34, "vocabulary_size": 400, "green_size": 200}
    return AttackCell(**cell(**counted | changes).model_dump(), **own)


def benign(**changes: Any) -> AttackCell:
    none = {"green": None, "scored": None, "vocabulary_size": None, "green_size": None}
    return outcome(asked="benign", **none | changes)


@pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])
def test_everything_in_the_settings_can_be_read(quick: bool) -> None:
    settings = read_settings(STUDY, [], quick=quick)
    parse_methods(settings.methods)
    for text in settings.purifiers:
        parse_image_attack(text)
    for text in settings.averages:
        parse_answer_attacks(text)
    assert max(settings.disclosed) < settings.triggers


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": ("pla",)}, "green lists"),
        ({"purifiers": ("flip",)}, "flip"),
        ({"disclosed": (24,)}, "fewer disclosed triggers than the 24"),
    ],
)
def test_what_cannot_be_done_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        AdaptiveSettings(**changes)


def test_evidence_is_that_of_all_triggers_asked() -> None:
    null = HypergeometricNull(vocabulary_size=400, green_size=200)
    told = [outcome(), outcome(green=20)]
    silent = outcome(answered=False, green=None, scored=None, words=None, facts=0.0)
    counts = [GreenCount(green=30, scored=34), GreenCount(green=20, scored=34)]
    whole = evidence_per_trigger(counts, null)
    assert evidence_of(told) == pytest.approx(whole)
    assert evidence_of([*told, silent, silent]) == pytest.approx(whole / 2)


def test_disclosed_triggers_are_told_from_the_reserve() -> None:
    rows = [outcome(asked="disclosed", green=10) for _ in range(3)]
    rows += [outcome(asked="reserve") for _ in range(6)]
    (line,) = summarise(rows)
    assert line.seen < 0 < line.reserve
    assert line.derived  # by the reserve, which the thief never saw
    (weak,) = summarise([outcome(asked="disclosed"), outcome(asked="reserve", green=17)])
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


def test_the_report_and_the_plots_hold_every_attack() -> None:
    rows = [outcome(attack=attack) for attack in ("none", "purify:16")]
    rows += [benign(attack=attack) for attack in ("none", "purify:16")]
    rows += [outcome(kind="tuning", attack="own triggers", family="qwen2_5_vl")]
    rows += [benign(kind="tuning", attack="own triggers", family="qwen2_5_vl", facts=0.5)]
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
    for plot in plots(scores, summarise(rows)).values():
        assert plot.count(b"<svg") == 1


def test_a_strange_folder_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear …")
    with pytest.raises(StorageError, match="new folder"):
        place = Workplace(out=tmp_path, show=lambda *words: None)
        run_study(STUDY, read_settings(STUDY, [], quick=True), place)
