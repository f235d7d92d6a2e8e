"""Committing, stamping and revealing: what is refused, and that nothing private gets out."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sif.claims import Means, audit, commit, prepare_request, read_commitment, reveal, stamp
from sif.claims.canonical import jcs
from sif.claims.commit import with_lot
from sif.claims.commitment import first_difference, root_of
from sif.claims.merkle import merkle_root
from sif.errors import ClaimError, FingerprintError, StorageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.policy import Policy
from sif.ownership.run import write_verdict
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tests.claims.made import Claim
from tools.time_audit import answers, make_up, run_of

POLICY = Policy(alpha=1e-9, minimum_answers=3, weighted=False)


@pytest.fixture
def copy(claim: Claim, tmp_path: Path) -> Path:
    """The claim's fingerprint folder, to change."""
    return shutil.copytree(claim.fingerprint.folder, tmp_path / "fp")


def test_the_root_is_as_the_text_says(claim: Claim) -> None:
    made = read_commitment(claim.fingerprint.folder)
    leaves = [jcs(made.header.model_dump(mode="json"))]
    for number, record in enumerate(claim.fingerprint.manifest.triggers, start=1):
        leaves.append(
            jcs(
                {
                    "leaf": "trigger",
                    "number": number,
                    "id": record.id,
                    "image_sha256": record.sha256,
                    "base_sha256": record.base_sha256,
                    "prompt": record.prompt,
                    "generation": record.generation.model_dump(mode="json"),
                    "key_commitment": record.key_commitment,
                }
            )
        )
    assert made.root == merkle_root(leaves) == root_of(made.predicate, claim.fingerprint.manifest)


def test_everything_that_decides_a_verdict_is_in_the_header(claim: Claim) -> None:
    header = read_commitment(claim.fingerprint.folder).header
    assert header.policy.transfer_allowance is not None
    assert header.weights_sha256 == header.files["weights.json"]
    assert header.anchor == claim.fingerprint.manifest.anchor is not None
    names = set(header.files)
    assert {"manifest.json", "weights.json", "calibration.json"} <= names
    assert any(name.startswith("tokenizer/") for name in names)
    assert not any("key" in name for name in names)


def test_committing_again_changes_nothing(copy: Path) -> None:
    before = (copy / "claim" / "commitment.dsse.json").read_bytes()
    there = read_commitment(copy).header
    commit(
        FingerprintSet.load(copy),
        policy=there.policy,
        alpha=there.alpha,
        alpha_transfer=there.alpha_transfer,
    )
    assert (copy / "claim" / "commitment.dsse.json").read_bytes() == before


def test_another_commitment_is_never_written_over(copy: Path) -> None:
    before = (copy / "claim" / "commitment.dsse.json").read_bytes()
    owned = FingerprintSet.load(copy)
    with pytest.raises(ClaimError, match=r"another policy\.alpha; a commitment is never replaced"):
        commit(owned, policy=Policy(alpha=1e-3, weighted=False), alpha=1e-6)
    (copy / "calibration.json").unlink()
    there = read_commitment(copy).header
    with pytest.raises(ClaimError, match=r"calibration\.json"):
        commit(owned, policy=there.policy, alpha=there.alpha, alpha_transfer=there.alpha_transfer)
    assert (copy / "claim" / "commitment.dsse.json").read_bytes() == before


def test_private_files_are_private_and_the_public_ones_hold_no_secret(claim: Claim) -> None:
    folder = claim.fingerprint.folder / "claim"
    for name in ("salt.key", "signing.key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    secret = (claim.fingerprint.folder / "secret.key").read_text().split("\n")[1]
    salt = (folder / "salt.key").read_text().strip()
    for path in folder.iterdir():
        if path.suffix != ".key":
            for hidden in (secret, salt):
                assert hidden.encode() not in path.read_bytes(), path
                assert bytes.fromhex(hidden) not in path.read_bytes(), path


def test_without_the_secret_nothing_is_committed(copy: Path) -> None:
    (copy / "secret.key").unlink()
    with pytest.raises(FingerprintError, match="secret key"):
        commit(FingerprintSet.load(copy), policy=POLICY, alpha=1e-6)


def test_the_anchor_of_another_secret_is_refused(claim: Claim, tmp_path: Path) -> None:
    owned = make_up(tmp_path / "fp", triggers=2, vocabulary_size=600)
    with pytest.raises(ClaimError, match="the secret that the fingerprint was made with"):
        commit(owned, policy=POLICY, alpha=1e-6, anchor=claim.secret)
    with pytest.raises(ClaimError, match="--anchor"):
        commit(owned, policy=POLICY, alpha=1e-6, anchor=tmp_path)


def test_a_tokenizer_that_was_not_fixed_beforehand_is_refused(claim: Claim, tmp_path: Path) -> None:
    assert claim.secret is not None
    keys = KeyRing.load(claim.secret / "secret.key")
    owned = make_up(tmp_path / "fp", triggers=2, vocabulary_size=600, seed=4, keys=keys)
    with pytest.raises(ClaimError, match="tokenizer is not the one that was fixed"):
        commit(owned, policy=POLICY, alpha=1e-6, anchor=claim.secret)


def test_a_stamp_is_taken_once(copy: Path, authority: Authority) -> None:
    with pytest.raises(ClaimError, match="there already"):
        prepare_request(copy)
    (copy / "claim" / "timestamp.tsr").unlink()
    (copy / "claim" / "timestamp.tsq").unlink()
    request = prepare_request(copy)
    assert prepare_request(copy) == request
    stamp(copy, authority.reply(request), [])


def test_without_a_commitment_there_is_nothing_to_stamp(tmp_path: Path) -> None:
    with pytest.raises(ClaimError, match="sif claim commit"):
        prepare_request(tmp_path)


def _policy_of_the_run(copy: Path, run: Path) -> None:
    verdict = json.loads((run / "verdict.json").read_text())
    verdict["policy"]["alpha"] = 1e-3
    (run / "verdict.json").write_text(json.dumps(verdict))


def _verdict(copy: Path, run: Path) -> None:
    verdict = json.loads((run / "verdict.json").read_text())
    verdict["green_rate"] = 0.99
    (run / "verdict.json").write_text(json.dumps(verdict))


BLOCKS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "policy": (_policy_of_the_run, "under the committed policy, got another alpha"),
    "verdict": (_verdict, "does not give its verdict again"),
    "no verdict": (lambda copy, run: (run / "verdict.json").unlink(), "finished run"),
    "no journal": (lambda copy, run: (run / "answers.sqlite").unlink(), "journal"),
    "no commitment": (lambda copy, run: shutil.rmtree(copy / "claim"), "sif claim commit"),
    "no salt": (lambda copy, run: (copy / "claim" / "salt.key").unlink(), "salt.key"),
    "no signing key": (lambda copy, run: (copy / "claim" / "signing.key").unlink(), "private key"),
    "changed weights": (
        lambda copy, run: (copy / "weights.json").write_text("[]"),
        "as it was committed to",
    ),
    "new file": (lambda copy, run: (copy / "new.json").write_text("[]"), "as it was committed to"),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_a_bundle_that_would_fail_is_not_written(
    claim: Claim, copy: Path, tmp_path: Path, case: str
) -> None:
    spoil, words = BLOCKS[case]
    run = shutil.copytree(claim.run, tmp_path / "run")
    spoil(copy, run)
    with pytest.raises((ClaimError, StorageError), match=words) as caught:
        reveal(FingerprintSet.load(copy), run, tmp_path / "b.zip")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "b.zip").exists()


def test_a_run_that_does_not_derive_is_revealed_and_does_not_support(
    claim: Claim, copy: Path, tmp_path: Path
) -> None:
    owned = FingerprintSet.load(copy)
    policy = read_commitment(copy).header.policy
    run_of(with_lot(owned), dict.fromkeys(claim.told, "nothing to see"), tmp_path / "run", policy)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip", claim.means)
    assert found.failed == "grinding"
    assert "not_shown" in found.step("grinding").sentence


def test_a_run_of_another_fingerprint_is_refused(claim: Claim, copy: Path, tmp_path: Path) -> None:
    other = make_up(tmp_path / "other", triggers=24, vocabulary_size=600, seed=9)
    told = dict.fromkeys(claim.told, "nothing")
    verdict = run_of(other, told, tmp_path / "run", read_commitment(copy).header.policy)
    write_verdict(tmp_path / "run", verdict)
    with pytest.raises(ClaimError, match=r"24 answers of .* to other pictures"):
        reveal(FingerprintSet.load(copy), tmp_path / "run", tmp_path / "b.zip")


def test_repeats_and_further_prompts_are_committed_and_audited(
    claim: Claim, tmp_path: Path
) -> None:
    owned = make_up(tmp_path / "fp", triggers=12, vocabulary_size=600)
    policy = Policy(alpha=1e-19, weighted=False, repeats=2, also_ask=("What is this?",))
    commit(owned, policy=policy, alpha=1e-6)
    told = answers(owned, green=28, scored=30)
    run_of(owned, told, tmp_path / "run", policy)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip")
    assert found.supported, found.failed
    assert "48 replies" in found.step("journal").sentence


def test_a_fingerprint_of_the_released_code_is_refused(copy: Path) -> None:
    owned = FingerprintSet.load(copy)
    public = owned.manifest.model_copy(update={"green_scheme": "simple_0"})
    with pytest.raises(ClaimError, match="its lists are public"):
        commit(replace(owned, manifest=public), policy=POLICY, alpha=1e-6)


def test_differences_are_named_and_small_ones_of_numbers_are_none() -> None:
    assert first_difference({"log10": [1.0, 0.0]}, {"log10": [1.0, 1e-12]}) is None
    assert first_difference({"p_value": 1e-30}, {"p_value": 1e-30 * (1 + 1e-9)}) is None
    assert first_difference({"green_rate": 0.7}, {"green_rate": 0.7 + 1e-12}) is None
    assert first_difference({"p_value": 1e-12}, {"p_value": 2e-12}) == "p_value"
    assert first_difference({"alpha": 1e-12}, {"alpha": 1e-12 * (1 + 1e-9)}) == "alpha"
    assert first_difference({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]}) == "a[1]"
    assert first_difference({"a": 1}, {"a": 1, "b": 2}) == "b"
    assert first_difference({"a": [1]}, {"a": []}) == "a (1 and 0 entries)"
    assert first_difference({"a": True}, {"a": 1}) == "a"
    assert first_difference({"a": None}, {"a": 0.0}) == "a"
    assert first_difference("x", "x") is None


def test_an_audit_needs_no_claim_folder(claim: Claim, tmp_path: Path) -> None:
    shutil.copy(claim.bundle, tmp_path / "b.zip")
    assert audit(tmp_path / "b.zip", Means(roots=claim.means.roots)).supported


def test_words_do_not_count_by_weights_that_were_made_after_the_keys(copy: Path) -> None:
    shutil.rmtree(copy / "claim")
    with pytest.raises(ClaimError, match="all words count alike"):
        commit(FingerprintSet.load(copy), policy=Policy(), alpha=1e-6)


def test_more_than_an_audit_takes_is_refused_before_it_is_signed(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(copy / "claim")
    owned, greedy = FingerprintSet.load(copy), POLICY.model_copy(update={"repeats": 100_000})
    with pytest.raises(ClaimError, match="at most 100,000 questions in all"):
        commit(owned, policy=greedy, alpha=greedy.alpha)
    monkeypatch.setattr("sif.claims.pixels.MOST_PIXELS_TOGETHER", 16 * 16)
    with pytest.raises(ClaimError, match="commit to fewer triggers"):
        commit(owned, policy=POLICY, alpha=POLICY.alpha)
    assert not (copy / "claim" / "commitment.dsse.json").exists()
