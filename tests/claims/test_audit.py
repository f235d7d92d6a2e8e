"""Audits: what passes, what is not checked, and one changed byte failing at its step."""

import json
import random
import zipfile
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sif.claims import STEPS, Asked, Means, Outcome, Status, audit, load_roots
from sif.claims.timestamp import Token, new_request
from sif.errors import UsageError
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Unanswered
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tests.claims.made import (
    JOURNAL,
    MANIFEST,
    VERDICT,
    Change,
    Claim,
    Files,
    asked,
    audited,
    edited,
    flipped,
    lines,
    other_tokenizer,
    packed,
    recommitted,
    replaced,
    resigned,
)

ONE_WORD = "nothing"


def test_a_claim_passes_every_step_whose_means_are_given(claim: Claim) -> None:
    found = audit(claim.bundle, claim.means)
    assert found.outcome is Outcome.CONSISTENT, found.failed
    assert found.not_checked == ("priority", "title", "suspect", "panel")
    assert "NOT VERIFIED (not checked: priority, title, suspect, panel)" in found.headline
    not_checked = {s.name for s in found.steps if s.status is Status.NOT_CHECKED}
    assert not_checked == {"priority", "title", "suspect", "panel"}
    assert [step.number for step in found.steps] == list(range(1, len(STEPS) + 1))
    assert found.log10_discount == pytest.approx(13.44, abs=0.01)  # (10^7)² / 4 keys and orders
    assert found.log10_remaining is not None
    assert found.log10_remaining >= 6


def test_what_the_auditor_gives_nothing_for_is_not_checked(claim: Claim) -> None:
    found = audit(claim.bundle)
    not_checked = {s.name for s in found.steps if s.status is Status.NOT_CHECKED}
    assert not_checked >= {"owner", "timestamp", "anchor", "order"}
    assert found.log10_discount == pytest.approx(19.08, abs=0.01)  # the token may be his own
    assert "not shown to be anchored" in found.step("grinding").sentence


def test_keys_without_an_anchor_cost_a_power_of_twelve_and_the_step_says_so(plain: Claim) -> None:
    found = audit(plain.bundle, Means(public_key=plain.key.public))
    assert found.supported, found.failed
    assert found.log10_discount == pytest.approx(12.08, abs=0.01)
    assert "not shown to be anchored" in found.step("grinding").sentence
    assert found.step("timestamp").status is Status.NOT_CHECKED


def test_a_stated_budget_decides(plain: Claim, claim: Claim) -> None:
    assert audit(plain.bundle, Means(secrets_tried=1e300)).failed == "grinding"
    assert audit(plain.bundle, Means(secrets_tried=1.0)).log10_discount == pytest.approx(
        0.04, abs=0.01
    )
    generous = replace(claim.means, tokens_tried=1e300)
    assert audit(claim.bundle, generous).failed == "grinding"


def test_runs_that_the_owner_states_are_taken_off(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    from sif.claims.commitment import read_statement
    from sif.claims.envelope import unseal
    from sif.claims.reveal import Reveal, sign

    name = "claim/commitment.dsse.json"
    _, root = read_statement(unseal(files[name], claim.key.public, where=name))
    del files["run/reveal.dsse.json"]
    sign(files, Reveal(commitment=root, runs=2), claim.key)  # type: ignore[arg-type]
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.supported, found.failed
    assert found.log10_discount == pytest.approx(13.74, abs=0.01)
    assert "2 runs" in found.step("grinding").sentence


# What somebody without the owner's key can do: change a file, and pack the bundle again.
OUTSIDERS: dict[str, tuple[Change, str]] = {
    "image": (flipped("fingerprint/triggers/0003.png"), "images"),
    "base image": (flipped("fingerprint/triggers/0012.base.png"), "images"),
    "answer": (flipped(JOURNAL, 700), "journal"),
    "time of an answer": (lines(lambda rows: rows[0].update(recorded_at=1.0)), "journal"),
    "suspect": (edited("run/run.json", lambda r: r.update(suspect="other")), "journal"),
    "secret": (
        lambda f: f.update({"claim/secret.key": _other_digit(f["claim/secret.key"], 20)}),
        "secret",
    ),
    "anchor in the key file": (
        lambda f: f.update({"claim/secret.key": _other_digit(f["claim/secret.key"], 100)}),
        "secret",
    ),
    "salt": (lambda f: f.update({"claim/salt.key": _other_digit(f["claim/salt.key"])}), "secret"),
    "order": (edited(MANIFEST, lambda m: m["triggers"].reverse()), "commitment"),
    "prompt": (edited(MANIFEST, lambda m: m["triggers"][0].update(prompt="?")), "commitment"),
    "key commitment": (
        edited(MANIFEST, lambda m: m["triggers"][0].update(key_commitment="0" * 64)),
        "commitment",
    ),
    "gamma": (edited(MANIFEST, lambda m: m.update(gamma=0.25)), "commitment"),
    "schema version": (edited(MANIFEST, lambda m: m.update(schema_version=2)), "commitment"),
    "unknown field": (edited(MANIFEST, lambda m: m.update(surprise=1)), "commitment"),
    "blank in the manifest": (
        lambda f: f.update({MANIFEST: f[MANIFEST] + b" "}),
        "commitment",
    ),
    "policy of the commitment": (flipped("claim/commitment.dsse.json", 900), "signature"),
    "policy of the verdict": (
        edited(VERDICT, lambda v: v["policy"].update(alpha=1e-3)),
        "policy",
    ),
    "timestamp": (flipped("claim/timestamp.tsr"), "timestamp"),
    "unsigned byte of the timestamp": (flipped("claim/timestamp.tsr", 34), "timestamp"),
    "token of the anchor": (flipped("claim/anchor.tsr"), "anchor"),
    "what was fixed beforehand": (flipped("claim/beforehand.json"), "anchor"),
    "signature": (flipped("claim/commitment.dsse.json", -10), "signature"),
    "signature of the list": (flipped("run/reveal.dsse.json", -10), "signature"),
    "public key": (flipped("claim/public.pem", 80), "signature"),
    "comment in the public key": (
        lambda f: f.update({"claim/public.pem": b"mine\n" + f["claim/public.pem"]}),
        "signature",
    ),
    "tokenizer": (flipped("fingerprint/tokenizer/tokenizer.json", 300), "tokenizer"),
    "weights": (flipped("fingerprint/weights.json", 3), "files"),
    "calibration": (flipped("fingerprint/calibration.json", 3), "files"),
    "green words": (edited(VERDICT, lambda v: v["per_trigger"][0].update(green=3)), "counts"),
    "questions": (edited(VERDICT, lambda v: v.update(queries=99)), "counts"),
    "e-value": (edited(VERDICT, lambda v: v.update(log10_e_value=99.0)), "evidence"),
    "p-value": (edited(VERDICT, lambda v: v["per_trigger"][1].update(p_value=1e-9)), "evidence"),
    "decision": (edited(VERDICT, lambda v: v.update(decision="not_shown")), "verdict"),
    "reason": (edited(VERDICT, lambda v: v.update(reason="Trust me.")), "verdict"),
    "blank in the verdict": (lambda f: f.update({VERDICT: f[VERDICT] + b"\n"}), "verdict"),
    "verdict of another version": (edited(VERDICT, lambda v: v.update(schema_version=9)), "policy"),
    "a file more": (
        lambda f: f.update({"fingerprint/tokenizer/extra.json": b"{}"}),
        "signature",
    ),
    "a file less": (lambda f: f.pop("fingerprint/calibration.json"), "signature"),
    "no verdict": (lambda f: f.pop(VERDICT), "bundle"),
    "no secret": (lambda f: f.pop("claim/secret.key"), "bundle"),
    "no image": (lambda f: f.pop("fingerprint/triggers/0001.png"), "signature"),
}


def _other_digit(text: bytes, place: int = 0) -> bytes:
    other = b"0" if text[place : place + 1] != b"0" else b"1"
    return text[:place] + other + text[place + 1 :]


@pytest.mark.parametrize("case", OUTSIDERS)
def test_a_change_by_an_outsider_fails_at_its_step(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    change, step = OUTSIDERS[case]
    before = dict(files)
    change(files)
    assert files != before
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert (found.failed, found.supported) == (step, False), found.steps
    sentence = found.step(step).sentence
    assert sentence
    assert "\n" not in sentence
    later = [s.status for s in found.steps[found.step(step).number :]]
    assert set(later) <= {Status.NOT_CHECKED}


def _swapped(rows: list[dict[str, Any]]) -> None:
    rows[0], rows[1] = rows[1], rows[0]


def _renamed(manifest: dict[str, Any]) -> None:
    manifest["triggers"][0]["id"] = "lucky"


def _greener(rows: list[dict[str, Any]]) -> None:
    rows[0]["text"] = f"{rows[0]['text']} {rows[1]['text']}"


# What the claimant can do: change a file, and sign the list of files again.
INSIDERS: dict[str, tuple[Change, str]] = {
    "an answer": (lines(_greener), "counts"),
    "two answers exchanged": (lines(_swapped), "journal"),
    "a reply left out": (lines(lambda rows: rows.pop(1)), "journal"),
    "the last reply left out": (lines(lambda rows: rows.pop()), "counts"),
    "no replies": (lines(lambda rows: rows.clear()), "journal"),
    "a second answer": (lines(lambda rows: rows.append(dict(rows[0]))), "journal"),
    "asked before the timestamp": (
        lines(lambda rows: rows[0].update(recorded_at=1.0)),
        "journal",
    ),
    "another prompt asked": (lines(lambda rows: rows[0].update(prompt="Say green.")), "journal"),
    "other settings asked": (
        lines(lambda rows: rows[0]["generation"].update(temperature=1.0)),
        "journal",
    ),
    "another picture asked": (lines(lambda rows: rows[0].update(digest="0" * 64)), "journal"),
    "an unknown trigger": (lines(lambda rows: rows[0].update(trigger="0099")), "journal"),
    "an example that is not named": (
        edited("run/run.json", lambda r: r.update(example="A red circle.")),
        "journal",
    ),
    "an attack that was not calibrated": (
        edited("run/run.json", lambda r: r.update(suspect="made-up suspect (image jpeg:50)")),
        "journal",
    ),
    "the policy in run.json": (
        edited("run/run.json", lambda r: r["policy"].update(alpha=1e-3)),
        "journal",
    ),
    "an image": (flipped("fingerprint/triggers/0001.png"), "images"),
    "the tokenizer": (flipped("fingerprint/tokenizer/tokenizer.json", 300), "tokenizer"),
    "the manifest's order": (edited(MANIFEST, lambda m: m["triggers"].reverse()), "commitment"),
    "the manifest's date": (edited(MANIFEST, lambda m: m.update(created="1999")), "commitment"),
    "a foreign secret": (
        lambda f: f.update({"claim/secret.key": KeyRing.generate().text().encode()}),
        "secret",
    ),
    "keys without the anchor": (
        lambda f: f.update({"claim/secret.key": _unanchored(f["claim/secret.key"])}),
        "keys",
    ),
    "verdict's evidence": (edited(VERDICT, lambda v: v.update(log10_e_value=50.0)), "evidence"),
    "a damaged timestamp": (flipped("claim/timestamp.tsr"), "timestamp"),
    "no timestamp file in it": (
        replaced("claim/timestamp.tsr", b"\x30", b"\x31"),
        "timestamp",
    ),
    "a file that was not committed to": (
        lambda f: f.update({"fingerprint/tokenizer/extra.json": b"{}"}),
        "tokenizer",
    ),
    "another file that was not": (lambda f: f.update({"fingerprint/extra.json": b"{}"}), "files"),
    "a secret that is none": (lambda f: f.update({"claim/secret.key": b"mine\n"}), "secret"),
    "a salt that is none": (lambda f: f.update({"claim/salt.key": b"more\n"}), "secret"),
}


def _unanchored(text: bytes) -> bytes:
    return b"sif-key-ring 1\n" + text.split(b"\n")[1] + b"\n"


@pytest.mark.parametrize("case", INSIDERS)
def test_a_change_by_the_claimant_fails_at_its_step(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    change, step = INSIDERS[case]
    change(files)
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.all_means)
    assert found.failed == step, found.steps
    assert found.outcome is Outcome.REFUTED


# What the claimant can do with a new commitment: the old timestamp does not fit it any more.
BACKDATED: dict[str, tuple[Change, dict[str, Any]]] = {
    "order": (edited(MANIFEST, lambda m: m["triggers"].reverse()), {}),
    "prompt": (edited(MANIFEST, lambda m: m["triggers"][0].update(prompt="Say green.")), {}),
    "key": (
        edited(MANIFEST, lambda m: m["triggers"][0].update(key_commitment="0" * 64)),
        {},
    ),
    "trigger dropped": (edited(MANIFEST, lambda m: m["triggers"].pop(3)), {}),
    "alpha": (lambda files: None, {"alpha": 1e-2}),
    "alpha of transfer": (lambda files: None, {"alpha_transfer": 0.2}),
}


@pytest.mark.parametrize("case", BACKDATED)
def test_a_later_commitment_cannot_use_the_earlier_timestamp(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    change, header = BACKDATED[case]
    change(files)
    recommitted(files, claim.key, **header)
    found = audited(files, tmp_path / "b.zip", claim.all_means)
    assert found.failed == "timestamp"
    assert "other bytes" in found.step("timestamp").sentence


def _renumbered(data: bytes) -> bytes:
    """Two words have exchanged their numbers."""
    content = json.loads(data)
    vocabulary = content["model"]["vocab"]
    one, two = list(vocabulary)[-2:]
    vocabulary[one], vocabulary[two] = vocabulary[two], vocabulary[one]
    return json.dumps(content).encode()


def _other_anchor(files: Files) -> None:
    """Keys under an anchor of one's own, everywhere consistent."""
    _, secret, _ = files["claim/secret.key"].decode().splitlines()
    keys = KeyRing(bytes.fromhex(secret), anchor=bytes(32))
    files["claim/secret.key"] = keys.text().encode()

    def edit(manifest: dict[str, Any]) -> None:
        manifest["anchor"] = bytes(32).hex()
        for trigger in manifest["triggers"]:
            trigger["key_commitment"] = keys.commitment(trigger["id"])

    edited(MANIFEST, edit)(files)


# … and without a timestamp, what the anchor and the keys still hold.
UNSTAMPED: dict[str, tuple[Change, str]] = {
    "a key of choice": (
        edited(MANIFEST, lambda m: m["triggers"][0].update(key_commitment="0" * 64)),
        "keys",
    ),
    "names of choice": (edited(MANIFEST, _renamed), "keys"),
    "a tokenizer of rubbish": (other_tokenizer(lambda data: b'{"model": 3}'), "tokenizer"),
    "an order of choice": (edited(MANIFEST, lambda m: m["triggers"].reverse()), "keys"),
    "gamma of choice": (edited(MANIFEST, lambda m: m.update(gamma=0.25)), "anchor"),
    "tokenizer of choice": (other_tokenizer(_renumbered), "anchor"),
    "anchor of choice": (edited(MANIFEST, lambda m: m.update(anchor="0" * 64)), "keys"),
    "key file and anchor of choice": (_other_anchor, "anchor"),
}


@pytest.mark.parametrize("case", UNSTAMPED)
def test_keys_cannot_be_chosen_after_the_anchor(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    change, step = UNSTAMPED[case]
    change(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == step


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"transfer_allowance": 0.01}, "less transfer"),
        ({"weighted": True}, "all words count alike"),
    ],
)
def test_a_policy_that_suits_the_claimant_is_refused(
    claim: Claim, files: Files, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    policy = _policy(claim).model_copy(update=change)
    edited(VERDICT, lambda v: v["policy"].update(change))(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, claim.key, policy=policy)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "policy"
    assert words in found.step("policy").sentence


def test_a_token_for_the_anchor_that_is_younger_than_the_commitment_is_refused(
    claim: Claim, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = Token.parse

    def late(data: bytes) -> Token:
        token = parse(data)
        if data == files["claim/anchor.tsr"]:
            return replace(token, time=token.time + timedelta(days=1))
        return token

    monkeypatch.setattr("sif.claims.check_claim.Token.parse", late)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == "anchor"


def test_a_token_of_an_authority_that_the_auditor_does_not_trust_is_refused(
    claim: Claim, stranger: Authority
) -> None:
    means = replace(claim.means, roots=load_roots([stranger.root]))
    found = audit(claim.bundle, means)
    assert found.failed == "timestamp"
    assert "given root certificates" in found.step("timestamp").sentence


def test_another_owners_key_is_refused(claim: Claim, plain: Claim) -> None:
    assert audit(claim.bundle, replace(claim.means, public_key=plain.key.public)).failed == "owner"


def test_a_token_over_something_else_is_refused(
    claim: Claim, files: Files, tmp_path: Path, authority: Authority
) -> None:
    files["claim/timestamp.tsr"] = authority.reply(new_request(b"something else"))
    resigned(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == "timestamp"


@pytest.mark.parametrize("seed", range(25))
def test_any_bit_of_the_file_fails(claim: Claim, tmp_path: Path, seed: int) -> None:
    data = bytearray(claim.bundle.read_bytes())
    place = random.Random(seed).randrange(len(data))
    data[place] ^= 1 << seed % 8
    (tmp_path / "b.zip").write_bytes(data)
    found = audit(tmp_path / "b.zip", claim.means)
    assert found.failed == "bundle", (place, found.failed)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_bundle_that_is_cut_short_fails(claim: Claim, tmp_path: Path, share: float) -> None:
    data = claim.bundle.read_bytes()
    (tmp_path / "b.zip").write_bytes(data[: int(share * len(data))])
    assert audit(tmp_path / "b.zip").failed == "bundle"


NAMES = ["../evil.json", "/etc/passwd.json", "claim/../../x.json", "claim\\x.json", "claim/.x.json"]


@pytest.mark.parametrize("name", [*NAMES, "claim/x.pkl", "claim/x.py", "a/b/c/d.json", "x.json"])
def test_a_name_that_leads_elsewhere_is_refused_unread(
    claim: Claim, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(claim.bundle.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"{}")
    found = audit(path)
    assert found.failed == "bundle"
    assert "plain names" in found.step("bundle").sentence
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_twice_and_a_compressed_file_are_refused(claim: Claim, tmp_path: Path) -> None:
    for name, kind, word in (
        ("run/run.json", zipfile.ZIP_STORED, "twice"),
        ("run/bomb.json", zipfile.ZIP_DEFLATED, "compressed"),
    ):
        path = tmp_path / f"{word}.zip"
        path.write_bytes(claim.bundle.read_bytes())
        with (
            zipfile.ZipFile(path, "a") as archive,
            pytest.warns() if word == "twice" else nullcontext(),
        ):
            archive.writestr(zipfile.ZipInfo(name), bytes(100_000), compress_type=kind)
        assert word in audit(path).step("bundle").sentence


def test_the_suspect_that_says_it_again_supports_the_claim(claim: Claim) -> None:
    found = audit(claim.bundle, replace(claim.means, suspect=asked(claim.says())))
    assert found.step("suspect").status is Status.PASS
    assert "asked again" in found.step("suspect").sentence


def test_invented_answers_fail_when_the_suspect_is_asked_again(claim: Claim) -> None:
    found = audit(claim.bundle, replace(claim.means, suspect=asked(lambda query: ONE_WORD)))
    assert found.failed == "suspect"


def test_a_panel_that_does_not_react_passes_and_is_named(claim: Claim) -> None:
    panel = [asked(lambda query: ONE_WORD, "stranger"), asked(lambda query: "a b c", "other")]
    found = audit(claim.bundle, replace(claim.means, panel=panel))
    assert found.step("panel").status is Status.PASS
    assert "stranger" in found.step("panel").sentence


def test_triggers_that_fire_on_the_panel_are_transferable_and_fail(claim: Claim) -> None:
    panel = [asked(lambda query: ONE_WORD), asked(claim.told, "independent")]
    found = audit(claim.bundle, replace(claim.means, panel=panel))
    assert found.failed == "panel"
    assert "independent" in found.step("panel").sentence


def test_a_silent_panel_shows_nothing(claim: Claim) -> None:
    panel = [asked(lambda query: Unanswered(reason="offline"))]
    assert audit(claim.bundle, replace(claim.means, panel=panel)).failed == "panel"


def test_no_suspect_is_connected_before_its_step(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    def refuse(record: object) -> ScriptedSuspect:
        raise AssertionError("opened")

    flipped(JOURNAL, 700)(files)
    means = replace(claim.means, panel=[Asked(name="x", open=refuse)])
    assert audited(files, tmp_path / "b.zip", means).failed == "journal"


def test_an_empty_panel_and_a_budget_below_one_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="at least one model in the panel"):
        Means(panel=[])
    with pytest.raises(UsageError, match="at least 1 try"):
        Means(tokens_tried=0.5)


def test_a_commitment_must_be_older_than_the_suspect(claim: Claim) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    found = audit(claim.bundle, replace(claim.means, released=tomorrow))
    assert found.step("priority").status is Status.PASS
    old = datetime(2020, 1, 1, tzinfo=UTC)
    assert audit(claim.bundle, replace(claim.means, released=old)).failed == "priority"
    untrusted = Means(released=tomorrow, secrets_tried=1.0)
    assert audit(claim.bundle, untrusted).step("priority").status is Status.NOT_CHECKED


def test_the_models_own_tokenizer_is_compared(claim: Claim, tmp_path: Path) -> None:
    from tools.time_audit import build_tokenizer

    same = claim.fingerprint.folder / "tokenizer"
    found = audit(claim.bundle, replace(claim.means, tokenizer=same))
    assert found.step("tokenizer").status is Status.PASS
    build_tokenizer(600, seed=5).save_pretrained(tmp_path / "other")
    found = audit(claim.bundle, replace(claim.means, tokenizer=tmp_path / "other"))
    assert found.failed == "tokenizer"


def test_an_audit_leaves_nothing_behind_and_shows_no_secret(
    claim: Claim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    text = audit(claim.bundle, claim.means).model_dump_json() + caplog.text
    assert list(tmp_path.iterdir()) == []
    secret = (claim.fingerprint.folder / "secret.key").read_text().split("\n")[1]
    salt = (claim.fingerprint.folder / "claim" / "salt.key").read_text().strip()
    assert secret not in text
    assert salt not in text


def test_the_same_claim_gives_the_same_bundle_and_the_same_report(
    claim: Claim, tmp_path: Path
) -> None:
    from sif.claims import reveal

    reveal(claim.fingerprint, claim.run, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == claim.bundle.read_bytes()
    reports = [audit(path, claim.means) for path in (claim.bundle, tmp_path / "again.zip")]
    assert reports[0] == reports[1]


def test_the_bundle_holds_no_signing_key_and_no_path_of_the_owner(
    claim: Claim, files: Files
) -> None:
    private = (claim.fingerprint.folder / "claim" / "signing.key").read_bytes()
    folder = str(claim.fingerprint.folder.parent).encode()
    for name, content in files.items():
        assert private not in content, name
        assert folder not in content, name
    assert claim.bundle.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("batch_size", [24, 2])
def test_failures_and_second_tries_are_part_of_the_order(
    claim: Claim, tmp_path: Path, batch_size: int
) -> None:
    """The first fails, others answer, then it is asked again: the order was kept.

    In batches of two the second pass stops before the last trigger that the first one asked.
    """
    from sif.claims.commit import with_lot
    from sif.claims.record import check, export, parse, questions
    from sif.claims.rejudge import rejudge
    from sif.ownership.order import in_order
    from sif.ownership.sequential import decide
    from sif.suspects.kept import KeptAnswers

    policy, owned = _policy(claim), with_lot(claim.fingerprint)
    order = [trigger.record.id for trigger in in_order(owned, policy)]
    told: dict[str, Any] = dict(claim.told)
    first = told | dict.fromkeys(order[:6], Unanswered(reason="busy"))
    with KeptAnswers(tmp_path / "answers.sqlite") as kept:
        seen = []
        for answers in (first, told):
            asked_now = kept.through(ScriptedSuspect(answers))
            seen.append(decide(owned, asked_now, policy, batch_size=batch_size))
        asked_for = questions(owned, policy)
        rows = parse(export(kept, "scripted", asked_for))
    assert rows[0].unanswered == "busy"
    assert sum(row.trigger == order[0] for row in rows) == 2
    if batch_size == 2:
        assert len(seen[1].per_trigger) < len(seen[0].per_trigger) == len({r.trigger for r in rows})
    check(rows, asked_for, not_before=None)
    assert rejudge(owned, rows, asked_for, policy, like=seen[1]) == seen[1]


def _policy(claim: Claim) -> Any:
    from sif.claims import read_commitment

    return read_commitment(claim.fingerprint.folder).header.policy


def test_packing_sorts_and_dates_nothing_by_chance(files: Files, tmp_path: Path) -> None:
    shuffled = dict(sorted(files.items(), reverse=True))
    one, two = packed(files, tmp_path / "1.zip"), packed(shuffled, tmp_path / "2.zip")
    assert one.read_bytes() == two.read_bytes()
    assert json.loads(files[VERDICT])["decision"] == "derived"
