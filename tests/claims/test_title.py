"""Title: a model that somebody else released first, parents, and signatures of the model."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sif.claims import Means, Outcome, Status, audit, commit, prepare_request, reveal, stamp
from sif.claims.origin import bring_model, bring_signature
from sif.claims.parents import Parent
from sif.errors import ClaimError, ModelError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.model_manifest import MODEL_MANIFEST, hash_model, read_model_manifest
from sif.ownership.policy import Policy
from tests.claims.authority import Authority
from tests.claims.made import (
    MANIFEST,
    Claim,
    Files,
    asked,
    audited,
    edited,
    recommitted,
    resigned,
)
from tools.time_audit import MODEL, answers, make_up, run_of

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TOMORROW = datetime.now(UTC) + timedelta(days=1)
WEIGHTS = MODEL["model.safetensors"]


class Keys(NamedTuple):
    private: Path
    public: Path


class Signed(NamedTuple):
    """A claim on a model folder, stamped, with or without the model's signature in it."""

    model: Path
    fingerprint: Path
    bundle: Path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Keys]:
    def make(name: str) -> Keys:
        folder, key = tmp_path_factory.mktemp(name), ec.generate_private_key(ec.SECP256R1())
        (folder / "key.pem").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        public = key.public_key()
        (folder / "pub.pem").write_bytes(
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        return Keys(folder / "key.pem", folder / "pub.pem")

    return make


@pytest.fixture(scope="module")
def owner(keys: Callable[[str], Keys]) -> Keys:
    return keys("owner")


def model_folder(folder: Path, weights: bytes = b"weights") -> Path:
    """As much of a model as its files."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(b"settings")
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "README.md").write_bytes(b"about")
    return folder


def sign_model(model: Path, key: Path, signature: Path) -> Path:
    signing = pytest.importorskip("model_signing.signing")
    signing.Config().use_elliptic_key_signer(private_key=key).sign(model, signature)
    return signature


def claim_on(
    folder: Path, authority: Authority, model: Path, signature: Path | None = None
) -> Signed:
    """A stamped, revealed claim on a made-up fingerprint of this model."""
    owned = make_up(folder / "fp", triggers=12, vocabulary_size=600)
    bring_model(owned.folder, str(model))
    if signature is not None:
        bring_signature(owned.folder, signature)
    policy = Policy(alpha=1e-12, minimum_answers=3, weighted=False)
    commit(owned, policy=policy, alpha=1e-6)
    stamp(owned.folder, authority.reply(prepare_request(owned.folder)), [])
    run_of(owned, answers(owned, green=28, scored=30), folder / "run", policy)
    reveal(owned, folder / "run", folder / "b.zip")
    return Signed(model, owned.folder, folder / "b.zip")


@pytest.fixture(scope="module")
def signed(authority: Authority, owner: Keys, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    folder = tmp_path_factory.mktemp("signed")
    model = model_folder(folder / "model")
    return claim_on(folder, authority, model, sign_model(model, owner.private, folder / "m.sig"))


def test_who_fingerprints_a_public_model_has_no_title(claim: Claim) -> None:
    """The attack: all else passes, for the suspect does derive from that model."""
    found = audit(claim.bundle, replace(claim.all_means, model_released=LONG_AGO))
    assert found.outcome is Outcome.REFUTED
    assert found.failed == "title"
    assert "anybody could have made triggers on it" in found.step("title").sentence
    passed = [step.name for step in found.steps if step.status is Status.PASS]
    assert "priority" in passed
    assert len(passed) == 21


def test_without_a_date_title_is_not_checked_and_stands_in_the_headline(claim: Claim) -> None:
    found = audit(claim.bundle, replace(claim.all_means, model_released=None))
    assert found.outcome is Outcome.CONSISTENT
    assert found.not_checked == ("title",)
    assert "NOT VERIFIED (not checked: title)" in found.headline
    untrusted = replace(claim.all_means, roots=(), secrets_tried=1.0)
    assert audit(claim.bundle, untrusted).step("title").status is Status.NOT_CHECKED


def test_a_positive_outcome_names_the_model_and_not_an_owner(claim: Claim) -> None:
    digest = claim.fingerprint.manifest.model.model_sha256
    assert digest is not None
    named = f"derived from model 'made-up' (digest {digest[:12]})"
    found = audit(claim.bundle, claim.all_means)
    assert found.outcome is Outcome.VERIFIED, found.steps
    assert named in found.headline
    assert found.model == f"model 'made-up' (digest {digest[:12]})"
    assert named in found.step("verdict").sentence
    assert "whose that model is does not follow" in found.step("verdict").sentence
    assert named in audit(claim.bundle).headline


def test_a_models_name_is_shown_bounded_and_printable(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    name = "\x1b[2Jmine\u202e\n" + "x" * 500
    edited(MANIFEST, lambda m: m["model"].update(source=name))(files)
    recommitted(files, claim.key)
    del files["claim/timestamp.tsr"]
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.model is not None
    assert found.model.isprintable()
    assert len(found.model) < 150
    assert "\x1b" not in found.model_dump_json() + found.headline


PARENTS: dict[str, tuple[str, datetime | None, Status, str]] = {
    "the file of weights, public since": (WEIGHTS, LONG_AGO, Status.FAIL, "of which 1 of 1 files"),
    "the file of weights, public later": (WEIGHTS, TOMORROW, Status.PASS, "1 of 1 files"),
    "the file of weights, no date": (WEIGHTS, None, Status.NOT_CHECKED, "give its release"),
    "another file, public since": ("0" * 64, LONG_AGO, Status.NOT_CHECKED, "no file of weights"),
    "another file, public later": ("0" * 64, TOMORROW, Status.PASS, "shows nothing"),
    "another file, no date": ("0" * 64, None, Status.PASS, "no file of weights"),
}


@pytest.mark.parametrize("case", PARENTS)
def test_a_parent_with_the_same_weights_must_be_younger(claim: Claim, case: str) -> None:
    source, released, status, words = PARENTS[case]
    parents = [Parent(source=source, released=released)]
    step = audit(claim.bundle, replace(claim.all_means, parents=parents)).step("title")
    assert step.status is status, step
    assert words in step.sentence


def test_a_parent_is_a_folder_a_file_of_digests_or_a_digest(claim: Claim, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "llava=base")
    manifest = hash_model(str(folder))
    assert manifest is not None
    (tmp_path / "digests.json").write_bytes(manifest.data())
    for source in (str(folder), str(tmp_path / "digests.json"), manifest.root, WEIGHTS):
        parent = Parent.parse(f"{source}=2020-01-01")
        assert (parent.source, parent.released) == (source, LONG_AGO)
        found = audit(claim.bundle, replace(claim.all_means, parents=[parent]))
        assert found.failed == "title", found.steps
    assert Parent.parse(str(folder)).released is None
    assert Parent.parse(f"{folder}=2020-01-01T12:00:00").released == LONG_AGO.replace(hour=12)
    for wrong in ("nowhere/x y", f"{folder}=2020-13-45", "f" * 63, ""):
        with pytest.raises(UsageError, match="expected a"):
            Parent.parse(wrong)


def test_a_parent_that_cannot_be_read_is_the_auditors_error(claim: Claim, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    means = replace(claim.all_means, parents=[Parent.parse(str(tmp_path / "empty"))])
    with pytest.raises(ModelError, match="with weights"):
        audit(claim.bundle, means)


DIGESTS = f"fingerprint/{MODEL_MANIFEST}"


def _other_model(files: Files) -> None:
    files[DIGESTS] = files[DIGESTS].replace(WEIGHTS.encode(), b"0" * 64)


def _renamed(files: Files) -> None:
    """Names are not under the root, but in the file, which is committed to."""
    files[DIGESTS] = files[DIGESTS].replace(b'"config.json"', b'"conf.json"')


def _dropped(files: Files) -> None:
    del files[DIGESTS]


def _other_root(files: Files) -> None:
    edited(MANIFEST, lambda m: m["model"].update(model_sha256="0" * 64))(files)


DIGEST_CHANGES: dict[str, tuple[Callable[[Files], None], str]] = {
    "other digests": (_other_model, "files"),
    "another name": (_renamed, "files"),
    "another root": (_other_root, "commitment"),
}


@pytest.mark.parametrize("case", DIGEST_CHANGES)
def test_digests_that_were_changed_after_the_commitment_fail(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    change, step = DIGEST_CHANGES[case]
    change(files)
    resigned(files, claim.key)
    assert audited(files, tmp_path / "b.zip", claim.all_means).failed == step


@pytest.mark.parametrize("change", [_other_model, _dropped, _other_root])
def test_a_digest_that_is_not_that_of_the_committed_files_fails(
    plain: Claim, tmp_path: Path, change: Callable[[Files], None]
) -> None:
    """Even where the claimant committed to it so."""
    files = plain.files(tmp_path / "unpacked")
    change(files)
    recommitted(files, plain.key)
    found = audited(files, tmp_path / "b.zip", Means(secrets_tried=1.0))
    step = "verdict" if change is _other_root else "title"  # the verdict names the model
    assert found.failed == step, found.steps


def test_the_models_signature_is_checked_with_the_signers_own_package(
    signed: Signed, owner: Keys, claim: Claim
) -> None:
    means = replace(claim.means, public_key=None, secrets_tried=1.0, model_released=TOMORROW)
    unchecked = audit(signed.bundle, means).step("title")
    assert unchecked.status is Status.PASS
    assert "its key was not given" in unchecked.sentence
    step = audit(signed.bundle, replace(means, model_signature_key=owner.public)).step("title")
    assert step.status is Status.PASS, step
    assert "its 2 files and 1 more are signed under the given key" in step.sentence


def test_a_signature_of_somebody_else_fails(
    signed: Signed, keys: Callable[[str], Keys], claim: Claim
) -> None:
    means = replace(claim.means, public_key=None, model_signature_key=keys("other").public)
    found = audit(signed.bundle, replace(means, secrets_tried=1.0))
    assert found.failed == "title"
    assert "not that of the given key" in found.step("title").sentence


def test_a_claim_without_the_signature_that_the_auditor_asks_for_fails(
    claim: Claim, owner: Keys
) -> None:
    found = audit(claim.bundle, replace(claim.means, model_signature_key=owner.public))
    assert found.failed == "title"
    assert "no signature of the model" in found.step("title").sentence


def _text(signature: Path) -> None:
    signature.write_bytes(b"hello")


def _list(signature: Path) -> None:
    signature.write_bytes(b"[]")


def _byte(signature: Path) -> None:
    data = bytearray(signature.read_bytes())
    place = data.index(b'"payload"') + 200
    data[place] = ord("A") if data[place] != ord("A") else ord("B")
    signature.write_bytes(bytes(data))


def _deep(signature: Path) -> None:
    signature.write_bytes(b"[" * 100_000)


@pytest.mark.parametrize("change", [_text, _list, _byte, _deep])
def test_a_damaged_signature_fails_in_one_line(
    authority: Authority,
    owner: Keys,
    tmp_path: Path,
    change: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = model_folder(tmp_path / "model")
    signature = sign_model(model, owner.private, tmp_path / "m.sig")
    change(signature)
    made = claim_on(tmp_path, authority, model, signature)
    found = audit(made.bundle, Means(secrets_tried=1.0, model_signature_key=owner.public))
    assert found.failed == "title", found.steps
    assert "\n" not in found.step("title").sentence
    assert capsys.readouterr().out == ""


def test_a_signature_over_other_weights_fails(
    authority: Authority, owner: Keys, tmp_path: Path
) -> None:
    other = model_folder(tmp_path / "other", b"other weights")
    signature = sign_model(other, owner.private, tmp_path / "m.sig")
    made = claim_on(tmp_path, authority, model_folder(tmp_path / "model"), signature)
    found = audit(made.bundle, Means(secrets_tried=1.0, model_signature_key=owner.public))
    assert found.failed == "title"
    assert "over another 'model.safetensors'" in found.step("title").sentence
    (other / "model.safetensors").unlink()
    shutil.rmtree(tmp_path / "fp")
    shutil.rmtree(tmp_path / "run")
    signature = sign_model(other, owner.private, tmp_path / "n.sig")
    made = claim_on(tmp_path, authority, made.model, signature)
    found = audit(made.bundle, Means(secrets_tried=1.0, model_signature_key=owner.public))
    assert "does not cover 'model.safetensors'" in found.step("title").sentence


def test_a_key_that_is_none_is_wrong_usage(signed: Signed, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for key in (tmp_path / "text", tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="model signer's public key"):
            audit(signed.bundle, Means(secrets_tried=1.0, model_signature_key=key))


def test_without_the_package_the_auditor_is_told_what_to_install(
    signed: Signed, owner: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("model_signing", "model_signing._signing"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r"sif-lvlm\[signing\]"):
        audit(signed.bundle, Means(secrets_tried=1.0, model_signature_key=owner.public))


def test_the_model_is_hashed_again_before_it_is_committed_to(tmp_path: Path) -> None:
    owned = make_up(tmp_path / "fp", triggers=3, vocabulary_size=600)
    model = model_folder(tmp_path / "model")
    there = read_model_manifest(owned.folder)
    assert bring_model(owned.folder, str(model)) == there
    (model / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ClaimError, match=r"not the model.*'model\.safetensors' differs"):
        bring_model(owned.folder, str(model))
    with pytest.raises(ModelError, match="where nothing lies"):
        bring_model(owned.folder, "nobody/nothing")


def test_an_older_fingerprint_gets_the_digests_until_it_is_committed_to(tmp_path: Path) -> None:
    folder = make_up(tmp_path / "fp", triggers=3, vocabulary_size=600).folder
    (folder / MODEL_MANIFEST).unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["model"]["model_sha256"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    model = model_folder(tmp_path / "model")
    with pytest.raises(ClaimError, match="another model"):  # by its ten digits
        bring_model(folder, str(model))
    manifest["model"]["digest"] = None
    (folder / "manifest.json").write_text(json.dumps(manifest))
    owned = FingerprintSet.load(folder)
    commit(owned, policy=Policy(weighted=False), alpha=1e-6)
    with pytest.raises(ClaimError, match="holds a commitment already"):
        bring_model(folder, str(model))
    shutil.rmtree(folder / "claim")
    made = bring_model(folder, str(model))
    assert read_model_manifest(folder) == made


def unnamed(verdict: dict[str, Any]) -> None:
    """The model is not named in the reason, as in verdicts of before."""
    said, control = verdict["reason"].split(" The suspect is")[0], verdict["control"]["reason"]
    verdict["reason"] = f"{said} {control}"


def test_an_older_claim_with_digests_is_named_by_them(plain: Claim, tmp_path: Path) -> None:
    files = plain.files(tmp_path / "unpacked")
    edited(MANIFEST, lambda m: m["model"].update(model_sha256=None))(files)
    edited("run/verdict.json", unnamed)(files)
    recommitted(files, plain.key)
    found = audited(files, tmp_path / "b.zip", Means(secrets_tried=1.0))
    digest = plain.fingerprint.manifest.model.model_sha256
    assert digest is not None
    assert f"(digest {digest[:12]})" in found.step("title").sentence, found.steps


def test_another_signature_is_not_brought_into_a_commitment(
    signed: Signed, owner: Keys, tmp_path: Path
) -> None:
    again = sign_model(signed.model, owner.private, tmp_path / "m.sig")
    with pytest.raises(ClaimError, match="never replaced"):
        bring_signature(signed.fingerprint, again)
    with pytest.raises(ClaimError, match="expected a signature"):
        bring_signature(signed.fingerprint, tmp_path / "nowhere")


def test_the_suspect_of_the_title_is_asked_only_afterwards(claim: Claim) -> None:
    def refuse(query: object) -> str:
        raise AssertionError("asked")

    means = replace(claim.all_means, model_released=LONG_AGO, suspect=asked(refuse))
    assert audit(claim.bundle, means).failed == "title"
