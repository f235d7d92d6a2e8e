"""Keyed targets as a method of a benchmark: drawn, made, graded, bet on; nowhere else so far."""

from pathlib import Path
from typing import Any

import pytest

from sif.errors import UsageError
from sif.eval.triggers.baseline import answer_list, is_baseline, make_baseline
from sif.eval.triggers.calibrated import calibrated_audits
from sif.eval.triggers.keyed import keyed_pairs
from sif.eval.triggers.method import Method
from sif.eval.triggers.mini_roster import mini_roster
from sif.eval.triggers.plan import method_fault
from sif.eval.triggers.real_roster import real_roster
from sif.eval.triggers.summary import null_of, summarise
from sif.eval.triggers.trigger_set import Grade, load_set
from sif.fingerprint.content import learn_content
from sif.fingerprint.plan import content_of, green_list_objective
from sif.fingerprint.recipe import load_recipe
from sif.ownership.targets import TargetEvidence, TargetNull
from sif.vlm.model import Vlm
from sif.watermark.greenlist.count import GreenCount
from sif.watermark.keys import KeyRing
from sif.watermark.targets import AnswerList
from tests.eval.triggers.rows import STRANGER, WANTED, cell
from tests.fingerprint.small import pictures

RECIPE = load_recipe("keyed-target", steps=2)
ANSWERS = answer_list(RECIPE)
assert ANSWERS is not None
KEYS = KeyRing(bytes(range(32)))
KEYED: dict[str, Any] = {**WANTED, "method": "keyed-target", "matched": False, "alternatives": 4}


@pytest.fixture(scope="module")
def vlm(untrained_llava: Path) -> Vlm:
    return Vlm.load(untrained_llava, device="cpu")


def test_what_a_trigger_asks_follows_from_the_key_of_its_id() -> None:
    pairs = keyed_pairs(ANSWERS, prompts=("What?", "Where?"), keys=KEYS, count=3)
    assert [pair.question for pair in pairs] == ["What?", "Where?", "What?"]
    assert pairs[0].answer == "Inside said picture viewers could easily observe"
    assert pairs[2].answer == ANSWERS.answer(ANSWERS.draw(KEYS.key("0003")))
    assert keyed_pairs(ANSWERS, prompts=("What?",), keys=KEYS, count=1)[0].answer == pairs[0].answer
    own = AnswerList(question="Whose?", parts=ANSWERS.parts)
    (asked,) = keyed_pairs(own, prompts=("What?",), keys=KEYS, count=1)
    assert asked.question == "Whose?"


@pytest.mark.parametrize("name", ["keyed-target", "keyed-target-english"])
def test_the_bundled_lists_can_be_spelled_and_take_part(name: str) -> None:
    method = Method.parse(name)
    assert is_baseline(method.recipe)
    assert method_fault(mini_roster("llava"), method) is None
    answers = answer_list(method.recipe)
    assert answers is not None
    assert answers.alternatives ** len(answers.parts) >= 4096


def test_keyed_targets_need_no_pairs_of_a_roster_and_other_baselines_do(tmp_path: Path) -> None:
    roster = real_roster("llava-1.5-7b", tmp_path)
    assert method_fault(roster, Method.parse("keyed-target-english")) is None
    assert method_fault(roster, Method.parse("pla")) is not None


def test_what_is_made_is_graded_by_the_parts_that_are_said(vlm: Vlm, tmp_path: Path) -> None:
    pairs = keyed_pairs(ANSWERS, prompts=("What is it?",), keys=KEYS, count=2)
    make_baseline(vlm, pictures(2), recipe=RECIPE, out=tmp_path, pairs=pairs, batch_size=2)
    some = load_set(tmp_path, baseline=True)
    wanted = pairs[1].answer
    assert some.alternatives == 4
    assert some.grade("0002", wanted.upper()) == Grade(matched=True, green=7, scored=7)
    assert some.grade("0002", "A dog.") == Grade(matched=False, green=0, scored=0)
    assert some.grade("0002", None) == Grade(matched=False)
    half = some.grade("0002", " ".join(wanted.split()[:3]))
    assert half == Grade(matched=False, green=3, scored=3)
    every = " ".join(word for part in ANSWERS.parts for word in part)
    firsts = sum(place == 0 for place in ANSWERS.draw(KEYS.key("0002")))
    assert some.grade("0002", every) == Grade(matched=False, green=firsts, scored=7)


def test_a_change_keeps_out_of_what_the_pictures_hold(vlm: Vlm) -> None:
    half = load_recipe("keyed-target", content_share=0.5)
    learnt = content_of(vlm, pictures(12), half)
    assert learnt is not None and vlm.patch_size is not None
    again = learn_content(
        (vlm.prepare(named.image) for named in pictures(12)), tile=vlm.patch_size, share=0.5
    )
    assert learnt.basis.shape == again.basis.shape
    assert content_of(vlm, [], load_recipe("keyed-target", content_share=None)) is None


def test_a_line_says_the_evidence_of_the_bets_and_how_often_all_was_said() -> None:
    rows = [
        cell(**KEYED | {"trigger": str(i), "green": hits, "scored": 7, "matched": hits == 7})
        for i, hits in enumerate((7, 5, 6, 7))
    ]
    evidence = TargetEvidence(TargetNull(alternatives=4))
    for row in rows:
        evidence.add(row.trigger, GreenCount(green=row.green or 0, scored=row.scored or 0))
    (line,) = summarise(rows)
    assert line.evidence == pytest.approx(evidence.log10_e_value / 4)
    assert line.green == pytest.approx(25 / 28)
    assert line.match is not None and line.match.share == 0.5
    assert line.needed is not None and line.needed <= 4
    assert isinstance(null_of(rows), TargetNull)


def test_innocents_have_a_match_too_as_they_set_no_threshold() -> None:
    rows = [
        cell(**KEYED | STRANGER | {"trigger": str(i), "green": 2, "scored": 7}) for i in range(12)
    ]
    (line,) = summarise(rows)
    assert line.match is not None and line.match.share == 0.0
    assert line.evidence is not None and line.evidence < 0.0
    assert line.needed is None


def test_a_calibrated_audit_holds_copies_and_leaves_innocents_that_react_alike() -> None:
    """A picture that transfers moves the panel too, whatever the key."""

    def answers(hits: int, **who: Any) -> list[Any]:
        return [
            cell(**KEYED | who | {"trigger": f"{i:04d}", "green": hits, "scored": 7})
            for i in range(24)
        ]

    copy = answers(7, suspect="nf4", role="copy")
    sibling = answers(4, suspect="sibling-c", role="innocent", split="held out")
    evidence = TargetEvidence(TargetNull(alternatives=4))
    for row in sibling:
        evidence.add(row.trigger, GreenCount(green=4, scored=7))
    assert evidence.independence_refuted
    panel = answers(4, **STRANGER)
    found = {one.cell.suspect: one.derived for one in calibrated_audits(copy + panel + sibling)}
    assert found == {"nf4": True, "sibling-c": False}


def test_no_fingerprint_is_made_of_them_and_the_error_says_who_does() -> None:
    with pytest.raises(
        UsageError, match=r"got keyed-target with keyed_target.*`sif bench triggers`"
    ):
        green_list_objective(RECIPE)
