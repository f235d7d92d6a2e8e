"""Attacks of a claimant with the signing key: bombs, hidden words, values of two kinds.

Each was tried on an audit that let it through; now it fails at a named step, or is said.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Means, Status, audit, check_transfer, commit, reveal, trial_cut
from sif.claims.case import Case
from sif.claims.commitment import ALGORITHM, SUBJECT, root_of
from sif.claims.envelope import Statement, Subject, seal, unseal
from sif.claims.parents import Parent
from sif.claims.possession import Proof
from sif.claims.runs import count_run
from sif.claims.signing import SigningKey
from sif.errors import ClaimError
from sif.fingerprint.model_manifest import ModelManifest
from sif.ownership.policy import Policy
from sif.ownership.run import RunRecord
from sif.session import Manner, Session
from sif.session.auditor import asked_as_in_run
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Query, Unanswered
from tests.claims.made import (
    MANIFEST,
    TOKENIZER_JSON,
    Claim,
    Files,
    asked,
    audited,
    edited,
    named_tokenizer,
    recommitted,
    resigned,
)
from tests.claims.test_control import RULES, control_rows
from tools.time_audit import answers, make_up, reacting

COMMITMENT = "claim/commitment.dsse.json"
LONG = ("a" * 20 + "! ") * 1000


def restated(claim: Claim, files: Files, edit: Callable[[dict[str, Any]], Any]) -> None:
    """The header as signed, changed without asking whether it still is one; root as it was."""
    statement = unseal(files[COMMITMENT], claim.key.public, where="it")
    predicate = json.loads(json.dumps(statement.predicate))
    edit(predicate)
    made = Statement.of(statement.subject, statement.predicate_type, predicate)
    files[COMMITMENT] = seal(made, claim.key)


def slow(tokenizer: bytes, letters: str) -> bytes:
    """The same words, and a pattern that takes exponentially long for such a letter repeated."""
    content = json.loads(tokenizer)
    pattern = {"Regex": f"({letters}+)+$"}
    content["pre_tokenizer"] = {
        "type": "Split",
        "pattern": pattern,
        "behavior": "Isolated",
        "invert": False,
    }
    return json.dumps(content).encode()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_cut, "SECONDS", 3.0)


@pytest.mark.usefixtures("impatient")
def test_answers_about_base_pictures_are_cut_elsewhere_first_too(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    """Only the journal's were: a text in control.jsonl could hold an audit up for ever."""
    files[TOKENIZER_JSON] = slow(files[TOKENIZER_JSON], "a")
    control_rows(lambda rows: [row.update(text=LONG) for row in rows])(files)
    del files["claim/timestamp.tsr"]
    named_tokenizer(files)
    recommitted(files, claim.key)
    found = audited(files, tmp_path / "b.zip")
    assert found.failed == "tokenizer", found.steps
    assert "within 3 seconds" in found.step("tokenizer").sentence


@pytest.mark.usefixtures("impatient")
def test_the_spellings_a_prompts_words_are_cut_elsewhere_first_too(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    """A prompt in small letters is counted in capitals too, which the pattern may wait for."""
    prompt = " ".join("a" * 19 + f"b{number}" for number in range(400))

    def ask(manifest: dict[str, Any]) -> None:
        manifest["triggers"][0]["prompt"] = prompt

    files[TOKENIZER_JSON] = slow(files[TOKENIZER_JSON], "A")
    edited(MANIFEST, ask)(files)
    del files["claim/timestamp.tsr"]
    named_tokenizer(files)
    recommitted(files, claim.key)
    found = audited(files, tmp_path / "b.zip")
    assert found.failed == "tokenizer", found.steps


BOMBS: dict[str, tuple[dict[str, Any], str]] = {
    "a billion repeats": ({"repeats": 10**9}, "at most 100,000 questions"),
    "tilts without end": (
        {"tilts": tuple(0.1 + i / 1e6 for i in range(5000))},
        "at most 1,000 tilts",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_policy_that_exhausts_the_auditor_fails_at_its_step(
    claim: Claim, files: Files, tmp_path: Path, name: str
) -> None:
    change, words = BOMBS[name]
    statement = unseal(files[COMMITMENT], claim.key.public, where="it")
    policy = statement.predicate["policy"] | json.loads(json.dumps(change))
    edited("run/verdict.json", lambda verdict: verdict.update(policy=policy))(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key, policy=Policy.model_validate(policy))
    found = audited(files, tmp_path / "b.zip")
    assert found.failed == "policy", found.steps
    assert words in found.step("policy").sentence


def test_answers_without_an_end_fail_before_a_suspect_is_asked(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    def for_ever(manifest: dict[str, Any]) -> None:
        manifest["triggers"][3]["generation"]["max_new_tokens"] = 10**12

    edited(MANIFEST, for_ever)(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key)
    found = audited(files, tmp_path / "b.zip")
    assert found.failed == "policy", found.steps
    assert "max_new_tokens" in found.step("policy").sentence


def test_an_example_that_nobody_committed_to_is_said_and_leaves_the_claim_unverified(
    tmp_path: Path,
) -> None:
    """A header without the field is one of before; today's claimant can leave it out as well."""
    owned = make_up(tmp_path / "fp", triggers=12, vocabulary_size=600)
    commit(owned, policy=RULES, alpha=1e-6)
    path = owned.folder / COMMITMENT
    key = SigningKey.load(owned.folder / "claim" / "signing.key")
    statement = unseal(path.read_bytes(), key.public, where="it")
    header = {name: one for name, one in statement.predicate.items() if name != "example"}
    subject = (Subject(name=SUBJECT, digest={ALGORITHM: root_of(header, owned.manifest)}),)
    path.write_bytes(seal(Statement.of(subject, statement.predicate_type, header), key))
    suspect = ScriptedSuspect(reacting(owned, answers(owned, green=27, scored=30)))
    manner = Manner(example="Now \x1b[31mname what you see.")
    Session(
        fingerprint=owned, suspect=suspect, committed=True, run=tmp_path / "run", manner=manner
    ).verify()
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert found.supported, found.steps
    step = found.step("journal")
    assert step.status is Status.NOT_CHECKED
    assert "was not committed to" in step.sentence
    assert found.own_words == ("example 'Now \\x1b[31mname what you see.'",)


RETYPED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a number as text": lambda header: header.update(triggers=str(header["triggers"])),
    "α as text": lambda header: header.update(alpha=str(header["alpha"])),
    "a truth as a number": lambda header: header["policy"].update(repeats=True),
    "a number as a truth": lambda header: header["policy"].update(weighted=0),
    "a tilt as text": lambda header: header["policy"]["tilts"].__setitem__(0, "0.1"),
}


@pytest.mark.parametrize("name", RETYPED)
def test_a_header_with_values_of_another_kind_fails_at_the_signature(
    claim: Claim, files: Files, tmp_path: Path, name: str
) -> None:
    """Another language would refuse what pydantic takes for the same."""
    restated(claim, files, RETYPED[name])
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "signature", found.steps
    assert "of another kind" in found.step("signature").sentence


def test_a_header_with_two_things_under_one_name_fails_at_the_signature(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    """Whoever shows one of them later could choose which."""
    things = [{"name": "early", "commitment": digit * 64} for digit in "01"]
    restated(claim, files, lambda header: header.update(possession=things))
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "signature", found.steps
    assert "under each name of a possession" in found.step("signature").sentence


TWO_WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a name twice": (
        "run/run.json",
        lambda data: b'{"suspect":"mine",' + data[data.index(b"{") + 1 :],
    ),
    "… in a line": ("run/journal.jsonl", lambda data: data.replace(b"{", b'{"text":"other",', 1)),
    "… in the fingerprint": (MANIFEST, lambda data: data.replace(b"{", b'{"schema_version":9,', 1)),
    "NaN": ("run/verdict.json", lambda data: data.replace(b"{", b'{"more":NaN,', 1)),
}


@pytest.mark.parametrize("case", TWO_WAYS)
def test_a_file_that_two_readers_read_in_two_ways_fails_at_the_bundle(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    """Python's reader keeps the last of two values: signed anew, nothing else would differ."""
    name, change = TWO_WAYS[case]
    files[name] = change(files[name])
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "bundle", found.steps
    assert name in found.step("bundle").sentence


def test_a_number_of_runs_that_is_none_fails_at_the_signature(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    statement = unseal(files["run/reveal.dsse.json"], claim.key.public, where="it")
    predicate = statement.predicate | {"runs": True}
    made = Statement.of(statement.subject, statement.predicate_type, predicate)
    files["run/reveal.dsse.json"] = seal(made, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "signature", found.steps


def test_what_a_message_quotes_of_a_bundle_obeys_no_terminal(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    name = "triggers/\x1b[2J\u202e" + "x" * 100_000

    def rename(manifest: dict[str, Any]) -> None:
        manifest["triggers"][0]["file"] = name

    edited(MANIFEST, rename)(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key)
    sentence = audited(files, tmp_path / "b.zip").step("images").sentence
    assert r"triggers/\x1b[2J\u202e" in sentence
    assert sentence.isprintable()
    assert len(sentence) < 5000


def test_what_opens_a_possession_is_not_in_its_repr() -> None:
    proof = Proof(name="one", salt="ab" * 32, kind="file", sha256="0" * 64)
    assert "abab" not in repr(proof)


def test_of_many_runs_the_auditors_own_asking_has_to_tell_pictures_apart_as_far(
    tmp_path: Path,
) -> None:
    """Pairs are asked for log10 of the runs more, and not only in the journal of the claimant."""
    owned = make_up(tmp_path / "fp", triggers=16, vocabulary_size=600)
    commit(owned, policy=RULES, alpha=1e-6)
    for _ in range(99):
        count_run(owned.folder, "hf:theirs")
    strong, weak = (reacting(owned, answers(owned, green=green, scored=30)) for green in (28, 21))
    suspect = ScriptedSuspect(strong, name="hf:theirs")
    Session(fingerprint=owned, suspect=suspect, committed=True, run=tmp_path / "run").verify()
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    means = Means(secrets_tried=1.0, suspect=asked(strong))
    assert audit(tmp_path / "b.zip", means).supported
    found = audit(tmp_path / "b.zip", replace(means, suspect=asked(weak)))
    assert found.failed == "suspect", found.steps
    assert "of the 4.00 needed" in found.step("suspect").sentence


@pytest.mark.parametrize(
    "attack", ["purify-learned:16@/dev/zero.safetensors", "+".join(["resize:4"] * 9)]
)
def test_an_attack_that_a_bundle_names_opens_no_file_of_the_auditors(attack: str) -> None:
    record = RunRecord(fingerprint="fp", suspect=f"mine (image {attack})")
    with pytest.raises(ClaimError, match="none with weights of its own"):
        asked_as_in_run("hf:nowhere").open(record)


def test_a_parents_weights_are_found_under_whatever_name_the_claim_gives_them() -> None:
    digest = "ab" * 32
    renamed = ModelManifest.of("mine", {"config.json": "0" * 64, "notes.txt": digest})
    assert Parent(source=digest).shared(renamed) == {"notes.txt": digest}
    assert Parent(source=renamed.root).shared(renamed)


def test_a_base_picture_without_an_answer_costs_all_questions_of_its_trigger(
    tmp_path: Path,
) -> None:
    owned = make_up(tmp_path / "fp", triggers=12, vocabulary_size=600)
    policy = RULES.model_copy(update={"repeats": 2, "alpha": 1e-40})
    commit(owned, policy=policy, alpha=1e-6)
    says = reacting(owned, answers(owned, green=29, scored=30))
    refused = owned.triggers[0].base.tobytes()

    def silent(query: Query) -> Any:
        return Unanswered(reason="no") if query.image.tobytes() == refused else says(query)

    run = tmp_path / "run"
    verdict = Session(
        fingerprint=owned, suspect=ScriptedSuspect(silent), committed=True, run=run, batch_size=12
    ).verify()
    assert verdict.control is not None
    assert verdict.control.unanswered == 1
    reveal(owned, run, tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", Means(secrets_tried=1.0))
    assert "for 2 of 24 questions without an answer" in found.step("grinding").sentence


def test_answers_of_every_length_in_a_calibration_hold_no_audit_up(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    """Chance is computed for each length: of all up to V, that takes hours."""
    floor = check_transfer._floor
    case = Case(bundle=claim.bundle, folder=tmp_path, means=Means())
    case.fingerprint = claim.fingerprint
    with pytest.raises(ClaimError, match="more lengths than models give"):
        floor(case, range(1, 10_000))
