"""Proof of possession: committed to with the claim, hidden, and opened one at a time."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Outcome, audit, commit, prepare_request, read_commitment, reveal, stamp
from sif.claims.commitment import Header
from sif.claims.possession import (
    KEPT,
    check_possession,
    digest_of,
    keep_possession,
    parse_things,
    read_proof,
    show_possession,
)
from sif.claims.public_claim import read_claim
from sif.errors import ClaimError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.policy import Policy
from tests.claims.authority import Authority
from tests.claims.made import Claim, Files, audited, recommitted
from tools.time_audit import answers, make_up, run_of

POLICY = Policy(alpha=1e-12, minimum_answers=3, weighted=False)


@pytest.fixture
def owned(tmp_path: Path) -> FingerprintSet:
    return make_up(tmp_path / "fp", triggers=12, vocabulary_size=600)


@pytest.fixture
def things(tmp_path: Path) -> dict[str, Path]:
    """A file and a folder."""
    (tmp_path / "state.pt").write_bytes(b"optimiser" * 1000)
    (tmp_path / "early" / "deep").mkdir(parents=True)
    (tmp_path / "early" / "model.safetensors").write_bytes(b"early weights")
    (tmp_path / "early" / "deep" / "b.json").write_bytes(b"{}")
    return {"optimiser": tmp_path / "state.pt", "early": tmp_path / "early"}


@pytest.fixture
def header(owned: FingerprintSet, things: dict[str, Path]) -> Header:
    return commit(owned, policy=POLICY, alpha=1e-6, possession=things).header


def test_what_was_committed_to_is_shown_and_checked_by_a_stranger(
    owned: FingerprintSet, things: dict[str, Path], authority: Authority, tmp_path: Path
) -> None:
    commit(owned, policy=POLICY, alpha=1e-6, possession=things)
    stamp(owned.folder, authority.reply(prepare_request(owned.folder)), [])
    run_of(owned, answers(owned, green=28, scored=30), tmp_path / "run", POLICY)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip")
    assert found.outcome is Outcome.CONSISTENT, found.steps
    told = read_claim(
        tmp_path / "b.zip",
        public_key=owned.folder / "claim" / "public.pem",
        certificates=[authority.root],
    )
    assert "signed by the given key; there at 20" in told.words
    assert "by a trusted authority" in told.words
    for name, place in things.items():
        show_possession(owned.folder, name, tmp_path / "proof.json")
        check_possession(told.header, read_proof(tmp_path / "proof.json"), place)


def test_the_bundle_and_the_header_hide_all_but_names(
    owned: FingerprintSet, things: dict[str, Path], header: Header, tmp_path: Path
) -> None:
    run_of(owned, answers(owned, green=28, scored=30), tmp_path / "run", POLICY)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    kept = owned.folder / "claim" / KEPT
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in header.possession or ()] == ["early", "optimiser"]
    public = (tmp_path / "b.zip").read_bytes() + header.model_dump_json().encode()
    for proof in json.loads(kept.read_text())["things"]:
        assert proof["salt"].encode() not in public
        assert proof["sha256"].encode() not in public
    assert b"state.pt" not in public


def test_a_folder_has_the_digest_of_what_sha256sum_writes(things: dict[str, Path]) -> None:
    listing = subprocess.run(
        "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum",
        shell=True,
        cwd=things["early"],
        capture_output=True,
        check=True,
    ).stdout
    assert digest_of(things["early"]).sha256 == hashlib.sha256(listing).hexdigest()
    assert digest_of(things["optimiser"]).sha256 == hashlib.sha256(b"optimiser" * 1000).hexdigest()


def test_a_commitment_follows_its_published_formula(
    owned: FingerprintSet, header: Header, tmp_path: Path
) -> None:
    show_possession(owned.folder, "optimiser", tmp_path / "proof.json")
    proof = json.loads((tmp_path / "proof.json").read_text())
    hidden = bytes.fromhex(proof["salt"]) + b"file\x00" + bytes.fromhex(proof["sha256"])
    expected = hashlib.sha256(b"sif possession 1\x00" + hidden).hexdigest()
    assert expected in {one.commitment for one in header.possession or ()}


def test_the_same_things_again_change_nothing(
    owned: FingerprintSet, things: dict[str, Path], header: Header
) -> None:
    before = {path: path.read_bytes() for path in (owned.folder / "claim").iterdir()}
    for again in (things, {}):
        assert commit(owned, policy=POLICY, alpha=1e-6, possession=again).header == header
    assert {p: p.read_bytes() for p in (owned.folder / "claim").iterdir()} == before
    things["optimiser"].write_bytes(b"trained on")
    with pytest.raises(ClaimError, match="other things than these"):
        commit(owned, policy=POLICY, alpha=1e-6, possession=things)


def test_nothing_is_added_to_a_commitment(owned: FingerprintSet, things: dict[str, Path]) -> None:
    commit(owned, policy=POLICY, alpha=1e-6)
    with pytest.raises(ClaimError, match="without these things"):
        commit(owned, policy=POLICY, alpha=1e-6, possession=things)
    assert not (owned.folder / "claim" / KEPT).exists()
    commit(owned, policy=POLICY, alpha=1e-6)
    with pytest.raises(ClaimError, match="expected the name of something"):
        show_possession(owned.folder, "optimiser", owned.folder / "x.json")


def _other_salt(proof: dict[str, Any]) -> None:
    proof["salt"] = "0" * 64


def _other_name(proof: dict[str, Any]) -> None:
    proof["name"] = "early"


def _other_kind(proof: dict[str, Any]) -> None:
    proof["kind"] = "folder"


def _other_digest(proof: dict[str, Any]) -> None:
    proof["sha256"] = "0" * 64


@pytest.mark.parametrize("change", [_other_salt, _other_name, _other_kind, _other_digest])
def test_a_changed_proof_opens_nothing(
    owned: FingerprintSet, things: dict[str, Path], header: Header, tmp_path: Path, change: Any
) -> None:
    path = tmp_path / "proof.json"
    show_possession(owned.folder, "optimiser", path)
    proof = json.loads(path.read_text())
    change(proof)
    path.write_text(json.dumps(proof))
    with pytest.raises(ClaimError, match="does not open a commitment"):
        check_possession(header, read_proof(path), things["optimiser"])


def test_another_file_or_folder_is_not_the_one(
    owned: FingerprintSet, things: dict[str, Path], header: Header, tmp_path: Path
) -> None:
    show_possession(owned.folder, "early", tmp_path / "proof.json")
    proof = read_proof(tmp_path / "proof.json")
    with pytest.raises(ClaimError, match="not the folder"):
        check_possession(header, proof, things["optimiser"])
    (things["early"] / "deep" / "b.json").write_bytes(b"{} ")
    with pytest.raises(ClaimError, match=r"'deep/b\.json' is another"):
        check_possession(header, proof, things["early"])
    (things["early"] / "deep" / "b.json").unlink()
    with pytest.raises(ClaimError, match=r"'deep/b\.json' is missing"):
        check_possession(header, proof, things["early"])


def test_what_makes_no_sense_is_refused(tmp_path: Path, owned: FingerprintSet) -> None:
    (tmp_path / "x").write_text("x")
    for wrong in ("x", "=x", "a b=x", "n=", f"n={tmp_path}/nowhere", "-n=x", "n" * 65 + "=x"):
        with pytest.raises(UsageError, match="expected"):
            parse_things([wrong])
    with pytest.raises(UsageError, match="another plain name"):
        parse_things([f"n={tmp_path / 'x'}"] * 2)
    assert parse_things([f"n={tmp_path / 'x'}"]) == {"n": tmp_path / "x"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClaimError, match="folder of 1 to"):
        keep_possession(owned.folder, {"n": tmp_path / "empty"})
    for content in ("hello", "[]", '{"schema_version": 1}'):
        (tmp_path / "x").write_text(content)
        with pytest.raises(ClaimError, match="show-possession"):
            read_proof(tmp_path / "x")
    (owned.folder / "claim").mkdir(exist_ok=True)
    (owned.folder / "claim" / KEPT).write_text("[]")
    with pytest.raises(ClaimError, match="restore it"):
        show_possession(owned.folder, "n", tmp_path / "out.json")


def test_a_commitment_added_later_has_no_timestamp(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    from sif.claims.commitment import Possession

    later = (Possession(name="optimiser", commitment="0" * 64),)
    recommitted(files, claim.key, possession=later)
    assert audited(files, tmp_path / "b.zip", claim.means).failed == "timestamp"


def test_a_claim_of_before_has_none(claim: Claim) -> None:
    header = read_commitment(claim.fingerprint.folder).header
    assert header.possession is None
    told = read_claim(claim.fingerprint.folder)
    assert "not given to compare" in told.words
    assert "NOT checked" in told.words
