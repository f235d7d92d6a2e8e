"""The control in a claim: base pictures asked under the same keys, recorded, audited."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import log10
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Asked, Means, Status, audit, commit, prepare_request, reveal, stamp
from sif.claims.canonical import canonical, jcs
from sif.claims.control_record import parse_control
from sif.errors import ClaimError, UsageError
from sif.fingerprint.folder import MANIFEST, FingerprintSet
from sif.ownership.policy import Policy
from sif.ownership.run import read_verdict
from sif.ownership.verdict import Verdict
from sif.session import Manner, Session
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Decision, Query, Reply, Unanswered
from tests.claims.authority import Authority
from tests.claims.made import Claim, Files, audited, edited, resigned
from tools.time_audit import answers, make_up, reacting, run_of

CONTROL = "run/control.jsonl"
RULES = Policy(alpha=1e-12, minimum_answers=3, weighted=False, prompt_scored=False)


def control_rows(edit: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        rows = [json.loads(line) for line in files[CONTROL].splitlines()]
        edit(rows)
        files[CONTROL] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    return change


def committed(folder: Path, *, triggers: int = 16, example: str | None = None) -> FingerprintSet:
    owned = make_up(folder / "fp", triggers=triggers, vocabulary_size=600)
    commit(owned, policy=RULES, alpha=1e-6, example=example)
    return owned


def asked(owned: FingerprintSet, says: Any, run: Path, **options: Any) -> Verdict:
    suspect = ScriptedSuspect(says, name="hf:theirs")
    return Session(
        fingerprint=owned, suspect=suspect, committed=True, run=run, batch_size=2, **options
    ).verify()


def test_the_control_of_an_honest_claim_passes_and_stands_in_verdict_and_audit(
    claim: Claim,
) -> None:
    found = audit(claim.bundle, claim.means)
    step = found.step("control")
    assert step.status is Status.PASS
    assert "log10 e-value 0.0" in step.sentence
    control = read_verdict(claim.run).control
    assert control is not None
    assert control.passed
    assert control.queries == len(control.per_trigger) == len(read_verdict(claim.run).per_trigger)
    assert "for what base pictures show" in found.step("grinding").sentence


def test_pictures_that_lean_to_green_by_themselves_are_no_claim_and_fail_at_control(
    tmp_path: Path,
) -> None:
    """The suspect says the same of the picture before: whoever chose it knew the key."""
    owned = committed(tmp_path)
    verdict = asked(owned, answers(owned, green=26, scored=30), tmp_path / "run")
    assert verdict.decision is Decision.INCONCLUSIVE
    assert "lean to green by themselves" in verdict.reason
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert found.failed == "control"
    assert "chosen by the keys" in found.step("control").sentence


def test_triggers_have_to_show_more_than_their_base_pictures(tmp_path: Path) -> None:
    """Half of the green from the picture: below the level, but not beyond it either."""
    owned = committed(tmp_path, triggers=7)
    says = reacting(owned, answers(owned, green=27, scored=30))
    verdict = asked(owned, says, tmp_path / "run")
    assert verdict.decision is Decision.INCONCLUSIVE
    assert "too little beyond them" in verdict.reason
    more = committed(tmp_path / "more")
    told = asked(more, reacting(more, answers(more, green=27, scored=30)), tmp_path / "second")
    assert told.decision is Decision.DERIVED
    assert len(told.per_trigger) == 8  # two would do for the evidence alone


def test_what_base_pictures_show_is_taken_off_and_asked_for_again(tmp_path: Path) -> None:
    owned = committed(tmp_path)
    triggers = answers(owned, green=21, scored=30)
    bases = answers(owned, green=17, scored=30, seed=3)
    images = {one.record.id: one.base.tobytes() for one in owned.triggers}

    def says(query: Query) -> str:
        base = query.image.tobytes() == images[query.trigger]
        return (bases if base else triggers)[query.trigger]

    plain = asked(owned, says, tmp_path / "plain", control=False)
    verdict = asked(owned, says, tmp_path / "run")
    control = verdict.control
    assert control is not None
    assert 0.0 < control.log10_e_value < 2.0
    assert verdict.decision is Decision.DERIVED
    assert len(verdict.per_trigger) >= len(plain.per_trigger)
    assert control.log10_left >= 12.0
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert found.supported, found.steps
    assert found.log10_discount == pytest.approx(
        0.0434 + log10(2) + control.log10_e_value, abs=1e-3
    )


def test_without_the_control_the_step_is_not_checked(tmp_path: Path) -> None:
    owned = committed(tmp_path)
    says = reacting(owned, answers(owned, green=26, scored=30))
    assert asked(owned, says, tmp_path / "run", control=False).control is None
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert found.step("control").status is Status.NOT_CHECKED
    assert "the run did not ask them" in found.step("control").sentence


def test_a_fingerprint_without_base_pictures_has_no_control_and_says_why(tmp_path: Path) -> None:
    owned = make_up(tmp_path / "fp", triggers=8, vocabulary_size=600)

    def without_base(content: dict[str, Any]) -> None:
        content["triggers"][0] |= {"base_file": None, "base_sha256": None}

    files = {MANIFEST: (owned.folder / MANIFEST).read_bytes()}
    edited(MANIFEST, without_base)(files)
    (owned.folder / MANIFEST).write_bytes(files[MANIFEST])
    owned = FingerprintSet.load(owned.folder)
    commit(owned, policy=RULES, alpha=1e-6)
    told = answers(owned, green=27, scored=30)
    with pytest.raises(UsageError, match="--no-control"):
        asked(owned, told, tmp_path / "other", control=True)
    assert asked(owned, told, tmp_path / "run").decision is Decision.DERIVED
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    step = audit(tmp_path / "b.zip", Means(secrets_tried=1.0)).step("control")
    assert step.status is Status.NOT_CHECKED
    assert "lacks some" in step.sentence


def test_a_base_picture_without_an_answer_takes_its_trigger_with_it(tmp_path: Path) -> None:
    owned = committed(tmp_path, triggers=12)
    told = answers(owned, green=24, scored=30)
    says, images = reacting(owned, told), {o.base.tobytes() for o in owned.triggers[:2]}

    def refusing(query: Query) -> Reply | str:
        silent = query.image.tobytes() in images
        return Unanswered(reason="refused") if silent else says(query)

    verdict = asked(owned, refusing, tmp_path / "run")
    control = verdict.control
    assert control is not None
    assert control.unanswered == 2
    assert control.log10_left < verdict.log10_e_value - 4.0
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert "2 of 12 questions without an answer" in found.step("grinding").sentence
    again = asked(owned, says, tmp_path / "run")  # it answers now; nothing else is asked again
    assert again.control is not None
    assert again.control.unanswered == 0


def test_the_control_goes_on_where_it_stopped_and_asks_nothing_twice(tmp_path: Path) -> None:
    owned = committed(tmp_path)
    suspect = ScriptedSuspect(reacting(owned, answers(owned, green=26, scored=30)))
    session = Session(fingerprint=owned, suspect=suspect, committed=True, run=tmp_path / "run")
    first, count = session.verify(), len(suspect.asked)
    assert count == 2 * len(first.per_trigger)
    assert session.verify() == first
    assert len(suspect.asked) == count


def test_a_plain_run_asks_base_pictures_only_where_it_is_told(tmp_path: Path) -> None:
    owned = make_up(tmp_path / "fp", triggers=10, vocabulary_size=600)
    says = reacting(owned, answers(owned, green=26, scored=30))
    plain = Session(fingerprint=owned, suspect=ScriptedSuspect(says)).verify()
    assert plain.control is None
    told = Session(fingerprint=owned, suspect=ScriptedSuspect(says), control=True).verify()
    assert told.control is not None
    assert told.decision is Decision.DERIVED


def test_lines_are_written_in_the_form_of_the_version_and_read_in_any(files: Files) -> None:
    rows = files[CONTROL].splitlines()
    assert rows == [jcs(json.loads(row)) for row in rows]
    lines = parse_control(files[CONTROL])
    older = b"".join(canonical(line.model_dump(mode="json")) + b"\n" for line in lines)
    assert older != files[CONTROL]
    assert parse_control(older) == lines


TAMPERED: dict[str, tuple[Callable[[Files], None], str]] = {
    "another base picture": (
        control_rows(lambda rows: rows[0].update(digest="0" * 64)),
        "committed base picture",
    ),
    "another prompt": (
        control_rows(lambda rows: rows[0].update(prompt="Say nothing.")),
        "another prompt",
    ),
    "another suspect": (
        control_rows(lambda rows: rows[0].update(suspect="hf:other")),
        "another suspect",
    ),
    "a reply left out": (control_rows(lambda rows: rows.pop()), "belong to the triggers"),
    "replies exchanged": (
        control_rows(lambda rows: rows.insert(0, rows.pop())),
        "is about trigger",
    ),
    "before the timestamp": (
        control_rows(lambda rows: rows[0].update(recorded_at=1.0)),
        "before the timestamp",
    ),
    "in the future": (
        control_rows(lambda rows: rows[-1].update(recorded_at=9e9)),
        "later than now",
    ),
    "milder words": (
        control_rows(lambda rows: rows[0].update(text="a b c")),
        "does not follow",
    ),
    "neither answer nor reason": (
        control_rows(lambda rows: rows[0].update(text=None)),
        "an answer or a reason",
    ),
    "no JSON": (lambda files: files.update({CONTROL: b"x\n"}), "line 1 of control.jsonl"),
    "no file": (lambda files: files.pop(CONTROL) and None, "the bundle lacks"),
    "figures of the verdict": (
        edited("run/verdict.json", lambda v: v["control"].update(queries=1)),
        "does not follow",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_control_that_was_tampered_with_fails_at_its_step(
    claim: Claim, files: Files, tmp_path: Path, name: str
) -> None:
    change, words = TAMPERED[name]
    change(files)
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "control", found.steps
    assert words in found.step("control").sentence


def test_a_control_that_the_verdict_does_not_know_fails(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    def drop(verdict: dict[str, Any]) -> None:
        verdict["reason"] = verdict["reason"].removesuffix(f" {verdict['control']['reason']}")
        verdict["control"] = None

    edited("run/verdict.json", drop)(files)
    resigned(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == "control"


def test_a_control_that_failed_cannot_be_called_derived(tmp_path: Path) -> None:
    owned = committed(tmp_path)
    asked(owned, answers(owned, green=26, scored=30), tmp_path / "run")
    path = tmp_path / "run" / "verdict.json"
    content = json.loads(path.read_text())
    content["decision"] = "derived"
    path.write_text(json.dumps(content))
    with pytest.raises(ClaimError, match="decision differs"):
        reveal(owned, tmp_path / "run", tmp_path / "b.zip")


def test_the_auditor_asks_base_pictures_again_too(claim: Claim) -> None:
    """Invented answers about base pictures pass the control, and not the suspect's own."""
    same = Asked(name="same", open=lambda record: ScriptedSuspect(claim.told))
    found = audit(claim.bundle, replace(claim.means, suspect=same))
    assert found.step("control").status is Status.PASS
    assert found.failed == "suspect"
    assert "lean to green by themselves" in found.step("suspect").sentence


def test_more_runs_ask_more_of_the_pairs(tmp_path: Path) -> None:
    owned = committed(tmp_path)
    asked(owned, reacting(owned, answers(owned, green=27, scored=30)), tmp_path / "run")
    reveal(owned, tmp_path / "run", tmp_path / "b.zip", runs=100)
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert found.failed == "control"
    assert "of the 4.00 needed" in found.step("control").sentence


def test_the_example_is_committed_and_taken_from_there(
    authority: Authority, tmp_path: Path
) -> None:
    owned = committed(tmp_path, example="A small red circle.")
    stamp(owned.folder, authority.reply(prepare_request(owned.folder)), [])
    says = reacting(owned, answers(owned, green=26, scored=30))
    with pytest.raises(ClaimError, match="example that was committed to"):
        asked(owned, says, tmp_path / "other", manner=Manner(example="Another."))
    suspect = ScriptedSuspect(says)
    session = Session(fingerprint=owned, suspect=suspect, committed=True, run=tmp_path / "run")
    session.verify()
    assert all(query.prompt.startswith("A small red circle. ") for query in suspect.asked)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert found.supported, found.steps
    assert "'A small red circle.'" in found.step("policy").sentence
    assert found.own_words == ("example 'A small red circle.'",)


def test_an_example_that_was_not_committed_to_is_refused(tmp_path: Path) -> None:
    owned = committed(tmp_path)
    says = reacting(owned, answers(owned, green=26, scored=30))
    with pytest.raises(ClaimError, match="leave --example out"):
        asked(owned, says, tmp_path / "run", manner=Manner(example="A circle."))
    run_of(owned, answers(owned, green=26, scored=30), tmp_path / "run", RULES)
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"example": "A circle."}))
    with pytest.raises(ClaimError, match="example that was committed to"):
        reveal(owned, tmp_path / "run", tmp_path / "b.zip")


def test_another_example_in_the_bundle_fails_at_the_journal(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    edited("run/run.json", lambda record: record.update(example="\x1b[31mA circle."))(files)
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "journal"
    assert "\\x1b[31mA circle." in found.step("journal").sentence


def test_a_prompt_of_the_claimants_own_is_shown_for_a_person_to_read(tmp_path: Path) -> None:
    owned = make_up(tmp_path / "fp", triggers=8, vocabulary_size=600)
    policy = RULES.model_copy(update={"also_ask": ("Use the words \x07 'ba' and 'du'.",)})
    commit(owned, policy=policy, alpha=1e-6)
    verdict = asked(owned, reacting(owned, answers(owned, green=27, scored=30)), tmp_path / "run")
    assert verdict.queries == 2 * len(verdict.per_trigger)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert "NOT judged here, read them" in found.step("policy").sentence
    assert "\x07" not in found.step("policy").sentence
    assert len(found.own_words) == 1
