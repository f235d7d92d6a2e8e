"""Versions of what is signed: each by its own rules, none in the clothes of another."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Means, Status, audit, load_roots, read_commitment
from sif.claims.commitment import read_statement
from sif.claims.envelope import Statement, Subject, seal, stamped_part
from sif.claims.reveal import read_reveal
from sif.claims.signing import PublicKey, SigningKey
from sif.claims.version import NEWEST, VERSIONS, version_in, version_of
from sif.errors import ClaimError
from tests.claims.made import Claim, Files, audited, edited, resigned

GOLDEN = Path(__file__).parents[1] / "golden"
COMMITMENT = "claim/commitment.dsse.json"


def payload_of(data: bytes) -> dict[str, Any]:
    return json.loads(base64.b64decode(json.loads(data)["payload"]))  # type: ignore[no-any-return]


def test_what_is_new_is_of_version_2_and_names_its_owner(claim: Claim, files: Files) -> None:
    committed, listed = payload_of(files[COMMITMENT]), payload_of(files["run/reveal.dsse.json"])
    assert committed["predicateType"] == "urn:sif:claim:commitment:2"
    assert listed["predicateType"] == "urn:sif:claim:reveal:2"
    assert committed["predicate"]["schema_version"] == listed["predicate"]["schema_version"] == 2
    owner = PublicKey.parse(files["claim/public.pem"], where="it")
    assert committed["predicate"]["owner"] == owner.key_id == claim.key.public.key_id


def test_a_claim_of_version_1_is_read_and_its_timestamp_is_over_the_envelope() -> None:
    commitment = read_commitment(GOLDEN / "fingerprint")
    assert commitment.version.number == 1
    assert commitment.header.owner is None
    assert commitment.stamped == commitment.envelope == stamped_part(commitment.envelope)
    found = audit(
        GOLDEN / "claim.zip",
        Means(roots=load_roots([GOLDEN / "root.pem"]), alpha_transfer=0.1, tokens_tried=1000.0),
    )
    assert found.step("timestamp").status is Status.PASS
    assert found.supported


@pytest.mark.parametrize("number", [1, 2])
def test_a_header_says_the_version_that_its_statement_says(
    claim: Claim, files: Files, number: int
) -> None:
    other = {1: 2, 2: 1}[number]
    predicate = payload_of(files[COMMITMENT])["predicate"] | {"schema_version": number}
    if number == 1:
        del predicate["owner"]
    subject = (Subject(name="fingerprint", digest={"rfc6962-sha256": "00"}),)
    kind = f"urn:sif:claim:commitment:{other}"
    with pytest.raises(ClaimError, match=f"version {other}"):
        read_statement(Statement.of(subject, kind, predicate))
    listed = {"schema_version": number, "commitment": "00", "runs": 1}
    with pytest.raises(ClaimError, match=f"version {other}"):
        read_reveal(Statement.of((), f"urn:sif:claim:reveal:{other}", listed))


@pytest.mark.parametrize(
    "change", [{"owner": None}, {"schema_version": 3}, {"schema_version": 1}, {"owner": 5}]
)
def test_a_header_without_what_its_version_has_is_refused(
    files: Files, change: dict[str, Any]
) -> None:
    predicate = payload_of(files[COMMITMENT])["predicate"] | change
    subject = (Subject(name="fingerprint", digest={"rfc6962-sha256": "00"}),)
    with pytest.raises(ClaimError, match="version 2, got something else"):
        read_statement(Statement.of(subject, "urn:sif:claim:commitment:2", predicate))


def test_statements_of_later_versions_are_left_to_those_who_wrote_them(tmp_path: Path) -> None:
    assert version_of("urn:sif:claim:commitment:3") is version_of("anything") is NEWEST
    subject = (Subject(name="fingerprint", digest={"rfc6962-sha256": "00"}),)
    later = Statement.of(subject, "urn:sif:claim:commitment:3", {"schema_version": 3})
    with pytest.raises(ClaimError, match="use the SIF that wrote it"):
        read_statement(later)
    with pytest.raises(ClaimError, match="use the SIF that wrote it"):
        read_reveal(later)
    for number in (3, True, "2", None):
        with pytest.raises(ClaimError, match="schema_version 1 or 2"):
            version_in({"schema_version": number})


def test_every_version_is_known_by_its_types() -> None:
    for number, version in VERSIONS.items():
        assert version.number == number
        assert version_of(version.commitment) is version_of(version.reveal) is version


def test_a_file_twice_on_the_list_is_refused() -> None:
    twice = (Subject(name="a", digest={"sha256": "00"}),) * 2
    content = {"schema_version": 2, "commitment": "00", "runs": 1}
    with pytest.raises(ClaimError, match="once on the signed list"):
        read_reveal(Statement.of(twice, "urn:sif:claim:reveal:2", content))


def test_a_number_that_has_no_canonical_form_is_not_signed(tmp_path: Path) -> None:
    key = SigningKey.open(tmp_path / "it")
    statement = Statement.of((), "urn:sif:claim:commitment:2", {"seed": 2**60})
    with pytest.raises(ClaimError, match=r"2\^53"):
        seal(statement, key)


def test_a_seed_beyond_what_json_holds_fails_its_step(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    edited(
        "fingerprint/manifest.json", lambda m: m["triggers"][0]["generation"].update(seed=2**60)
    )(files)
    resigned(files, claim.key)
    found = audited(files, tmp_path / "b.zip", claim.means)
    assert found.failed == "commitment"
