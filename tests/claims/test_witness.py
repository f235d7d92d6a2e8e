"""Others who sign a commitment: tolerated, named where they are known, and worth nothing else."""

import base64
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from sif.claims import Means, Outcome, Status, audit, commit, read_commitment, reveal
from sif.claims.envelope import Statement, Subject, add_signature, seal, stamped_part, unseal
from sif.claims.reveal import read_reveal, sign
from sif.claims.signing import SigningKey
from sif.claims.witness import witness
from sif.errors import ClaimError
from sif.fingerprint.folder import FingerprintSet
from tests.claims.made import Claim, Files, audited

NAME = "claim/commitment.dsse.json"
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def notary(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.open(tmp_path_factory.mktemp("notary") / "notary.key")


@pytest.fixture
def copy(claim: Claim, tmp_path: Path) -> Path:
    return shutil.copytree(claim.fingerprint.folder, tmp_path / "fp")


def with_witness(claim: Claim, *witnesses: SigningKey) -> Means:
    return dataclasses.replace(claim.all_means, witnesses=[one.public for one in witnesses])


def envelope_of(files: Files, edit: Edit) -> None:
    envelope = json.loads(files[NAME])
    edit(envelope)
    files[NAME] = json.dumps(envelope, indent=1).encode()


def test_a_witness_signs_and_the_timestamp_holds(
    claim: Claim, copy: Path, tmp_path: Path, notary: SigningKey
) -> None:
    made = witness(copy / NAME, notary)
    there = read_commitment(copy)
    assert made == (there.root, there.header.owner, 2)
    assert there.key.key_id == claim.key.public.key_id
    reveal(FingerprintSet.load(copy), claim.run, tmp_path / "b.zip")
    plain, named = (
        audit(tmp_path / "b.zip", means) for means in (claim.all_means, with_witness(claim, notary))
    )
    assert plain.outcome is named.outcome is Outcome.VERIFIED, (plain.headline, named.headline)
    assert "it holds 1 more, of keys that were not given" in plain.step("signature").sentence
    said = f"by the given witnesses {notary.public.key_id[:16]}… too"
    assert said in named.step("signature").sentence
    assert "more" not in named.step("signature").sentence


def test_committing_again_keeps_the_witnesses(copy: Path, notary: SigningKey) -> None:
    witness(copy / NAME, notary)
    before, there = (copy / NAME).read_bytes(), read_commitment(copy).header
    commit(
        FingerprintSet.load(copy),
        policy=there.policy,
        alpha=there.alpha,
        alpha_transfer=there.alpha_transfer,
    )
    assert (copy / NAME).read_bytes() == before


def test_a_witness_who_did_not_sign_fails_the_audit(claim: Claim, notary: SigningKey) -> None:
    found = audit(claim.bundle, with_witness(claim, notary))
    assert found.failed == "signature"
    assert "did not sign" in found.step("signature").sentence


def test_the_owner_is_no_witness(claim: Claim) -> None:
    found = audit(claim.bundle, with_witness(claim, claim.key))
    assert found.failed == "signature"
    assert "is the owner" in found.step("signature").sentence


def test_nobody_signs_twice(copy: Path, notary: SigningKey) -> None:
    witness(copy / NAME, notary)
    with pytest.raises(ClaimError, match="already"):
        witness(copy / NAME, notary)


def test_a_commitment_of_version_1_is_only_its_owners(tmp_path: Path, notary: SigningKey) -> None:
    golden = Path(__file__).parents[1] / "golden" / "fingerprint" / "claim"
    shutil.copytree(golden, tmp_path / "claim")
    with pytest.raises(ClaimError, match="of version 1, which only its owner signs"):
        witness(tmp_path / NAME, notary)


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def by_the_library(envelope: dict[str, Any], signer: CryptoSigner) -> None:
    """Signs as another tool does, with a key id of its own."""
    opened = Envelope.from_dict(json.loads(json.dumps(envelope)))
    opened.sign(signer)
    envelope.update(opened.to_dict())


FOREIGN: dict[str, Edit] = {
    "writing": lambda e: e,
    "key id": lambda e: e["signatures"][0].update(keyid="arn:aws:kms:owner"),
    "no key id": lambda e: e["signatures"][0].pop("keyid"),
    "order": lambda e: (by_the_library(e, CryptoSigner.generate_rsa()), e["signatures"].reverse()),
    "certificate": lambda e: e["signatures"][0].update(cert="…"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_other_tools_make_of_the_envelope_is_verified(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    envelope_of(files, FOREIGN[case])
    sign_list(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.all_means)
    assert found.outcome is Outcome.VERIFIED, found.headline


def sign_list(files: Files, key: SigningKey, by: SigningKey | None = None) -> None:
    """The list of files signed anew, the commitment left as it is."""
    old = unseal(files.pop("run/reveal.dsse.json"), key.public, where="list")
    sign(files, read_reveal(old)[0], by or key)  # type: ignore[arg-type]


SPOILED: dict[str, tuple[Edit, str]] = {
    "two under one id": (lambda e: e.update(signatures=e["signatures"] * 2), "one signature under"),
    "none": (lambda e: e.update(signatures=[]), "something else"),
    "too many": (
        lambda e: e.update(signatures=[e["signatures"][0] | {"keyid": str(n)} for n in range(17)]),
        "something else",
    ),
    "others only": (
        lambda e: (e.update(signatures=[]), by_the_library(e, CryptoSigner.generate_ed25519())),
        "not that of the owner's key",
    ),
    "another payload": (
        lambda e: e.update(payload=coded(base64.b64decode(e["payload"]) + b" ")),
        "canonical",
    ),
    "another type": (lambda e: e.update(payloadType="text/plain"), "something else"),
    "more fields": (lambda e: e.update(more=1), "something else"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_an_envelope_that_is_not_the_owners_is_refused(
    claim: Claim, files: Files, case: str
) -> None:
    change, words = SPOILED[case]
    envelope_of(files, change)
    with pytest.raises(ClaimError, match=words) as caught:
        unseal(files[NAME], claim.key.public, where=NAME, shared=True)
    assert "\n" not in str(caught.value)


def test_one_name_twice_in_an_envelope_is_refused(claim: Claim, files: Files) -> None:
    data = files[NAME].replace(b'{"payload":', b'{"payload":"e30=","payload":', 1)
    assert data != files[NAME]
    with pytest.raises(ClaimError, match="something else"):
        unseal(data, claim.key.public, where=NAME, shared=True)


def test_what_a_witness_signs_does_not_become_his(
    claim: Claim, files: Files, tmp_path: Path, notary: SigningKey
) -> None:
    """He has the payload, its timestamp and a signature of his own; the header names the owner."""
    files[NAME] = add_signature(files[NAME], notary, where=NAME)
    files["claim/public.pem"] = notary.public.pem
    sign_list(files, claim.key, by=notary)
    found = audited(files, tmp_path / "b.zip", Means(roots=claim.means.roots))
    assert found.failed == "signature"
    assert "the commitment is that of key" in found.step("signature").sentence


def test_a_signature_added_after_the_bundle_was_signed_is_refused(
    claim: Claim, files: Files, tmp_path: Path, notary: SigningKey
) -> None:
    files[NAME] = add_signature(files[NAME], notary, where=NAME)
    found = audited(files, tmp_path / "b.zip", claim.all_means)
    assert found.failed == "signature"
    assert "was changed after the bundle was signed" in found.step("signature").sentence


def test_the_list_of_files_is_the_owners_alone(
    claim: Claim, files: Files, tmp_path: Path, notary: SigningKey
) -> None:
    name = "run/reveal.dsse.json"
    files[name] = add_signature(files[name], notary, where=name)
    found = audited(files, tmp_path / "b.zip", claim.all_means)
    assert found.failed == "signature"
    assert "expected one signature" in found.step("signature").sentence


def test_what_is_stamped_depends_on_the_version(tmp_path: Path, notary: SigningKey) -> None:
    for version, whole in ((1, True), (2, False)):
        kind = f"urn:sif:claim:commitment:{version}"
        subject = (Subject(name="x", digest={"sha256": "00"}),)
        sealed = seal(Statement.of(subject, kind, {"a": 1.0}), notary)
        payload = base64.b64decode(json.loads(sealed)["payload"])
        assert stamped_part(sealed) == (sealed if whole else payload)
        assert (b"1.0" in payload) == whole


def test_the_timestamp_of_the_payload_is_checked(claim: Claim) -> None:
    step = audit(claim.bundle, claim.means).step("timestamp")
    assert step.status is Status.PASS
    assert read_commitment(claim.fingerprint.folder).stamped.startswith(b'{"_type":')
