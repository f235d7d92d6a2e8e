"""The order of asking of a claim: drawn from its timestamp, recomputed by the audit."""

from dataclasses import replace
from pathlib import Path

import pytest

from sif.claims import Outcome, Status, audit, commit, prepare_request, reveal, stamp
from sif.claims.commit import with_lot
from sif.claims.rules import rules_of_run
from sif.errors import ClaimError
from sif.ownership.order import in_order
from sif.ownership.policy import Policy
from sif.session import Session
from sif.suspects.scripted import ScriptedSuspect
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tests.claims.made import Claim, audited, calibrated, lines, resigned
from tools.time_audit import answers, make_up, run_of


@pytest.fixture(scope="module")
def drawn(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Claim:
    """A claim whose order was drawn, timestamped and revealed."""
    folder = tmp_path_factory.mktemp("drawn")
    owned = make_up(folder / "fp", triggers=24, vocabulary_size=600, keys=KeyRing.generate())
    told = answers(owned, green=28, scored=30)
    policy = Policy(
        alpha=1e-19,
        alpha_transfer=1e-3,
        transfer_allowance=calibrated(owned).allowance,
        weighted=False,
        order="drawn",
        prompt_scored=False,
    )
    commit(owned, policy=policy, alpha=1e-6, alpha_transfer=0.1)
    stamp(owned.folder, authority.reply(prepare_request(owned.folder)), [])
    run_of(with_lot(owned), told, folder / "run", policy)
    bundle = folder / "bundle.zip"
    reveal(owned, folder / "run", bundle)
    return Claim(owned, folder / "run", bundle, None, authority, told)


def policy_of(claim: Claim) -> Policy:
    from sif.claims import read_commitment

    return read_commitment(claim.fingerprint.folder).header.policy


def test_the_audit_draws_the_same_order_from_the_timestamp(drawn: Claim) -> None:
    trusting = replace(drawn.means, secrets_tried=1.0)
    found = audit(drawn.bundle, trusting)
    assert found.supported, (found.failed, found.step(str(found.failed)).sentence)
    assert found.step("order").status is Status.PASS
    assert "drawn from the timestamp of the commitment" in found.step("verdict").sentence
    nobody = audit(drawn.bundle, replace(trusting, roots=()))
    assert nobody.step("order").status is Status.NOT_CHECKED
    assert "whose authority may be the claimant's own" in nobody.step("order").sentence


def test_an_order_that_the_claimant_knew_is_not_checked_and_the_headline_says_so(
    numbered: Claim, plain: Claim, tmp_path: Path
) -> None:
    found = audit(numbered.bundle, numbered.all_means)
    assert found.outcome is Outcome.CONSISTENT
    assert found.not_checked == ("order",)
    assert "not checked: order" in found.headline
    assert "for an honest claimant only" in found.step("order").sentence
    assert found.log10_discount == pytest.approx(7.04, abs=0.01)  # nothing but keys is drawn
    policy = Policy(alpha=1e-19, minimum_answers=3, weighted=False, order="drawn")
    owned = make_up(tmp_path / "fp", triggers=12, vocabulary_size=600)
    commit(owned, policy=policy, alpha=1e-6)
    run_of(owned, answers(owned, green=28, scored=30), tmp_path / "run", policy)
    reveal(owned, tmp_path / "run", tmp_path / "b.zip")
    found = audit(tmp_path / "b.zip")
    assert "drawn from the secret" in found.step("order").sentence
    assert found.log10_discount == pytest.approx(12.08, abs=0.01)


def test_an_order_of_choice_fails_at_the_journal(drawn: Claim, tmp_path: Path) -> None:
    """The owner signs again what he asked in the order of the manifest, movers first."""
    files = drawn.files(tmp_path / "unpacked")

    def as_numbered(rows: list[dict[str, object]]) -> None:
        times = [row["recorded_at"] for row in rows]
        rows.sort(key=lambda row: str(row["trigger"]))
        for row, time in zip(rows, times, strict=True):
            row["recorded_at"] = time

    lines(as_numbered)(files)
    resigned(files, drawn.key)
    found = audited(files, tmp_path / "b.zip", drawn.means)
    assert found.failed == "journal"
    assert "the committed order was not kept" in found.step("journal").sentence


def test_another_token_is_another_order(drawn: Claim, stranger: Authority, tmp_path: Path) -> None:
    """Whoever stamps the commitment again afterwards has asked in the wrong order."""
    files = drawn.files(tmp_path / "unpacked")
    request = (drawn.fingerprint.folder / "claim" / "timestamp.tsq").read_bytes()
    files["claim/timestamp.tsr"] = stranger.reply(request)
    resigned(files, drawn.key)
    found = audited(files, tmp_path / "b.zip", replace(drawn.means, roots=()))
    assert found.failed == "journal"


def test_a_run_in_the_order_of_the_secret_is_not_revealed(drawn: Claim, tmp_path: Path) -> None:
    policy = policy_of(drawn)
    run_of(drawn.fingerprint, drawn.told, tmp_path / "run", policy)
    with pytest.raises(ClaimError, match="the committed order was not kept"):
        reveal(drawn.fingerprint, tmp_path / "run", tmp_path / "b.zip")


def test_a_committed_run_asks_in_the_order_of_the_timestamp(drawn: Claim, tmp_path: Path) -> None:
    suspect = ScriptedSuspect(drawn.says())
    Session(
        fingerprint=drawn.fingerprint, suspect=suspect, committed=True, run=tmp_path / "run"
    ).verify()
    expected = [one.record.id for one in in_order(with_lot(drawn.fingerprint), policy_of(drawn))]
    asked = list(dict.fromkeys(query.trigger for query in suspect.asked))
    assert asked == expected[: len(asked)]
    assert asked != sorted(asked)


def test_new_claims_draw_their_order_whatever_the_policy_file_says(
    drawn: Claim, tmp_path: Path
) -> None:
    given = tmp_path / "policy.json"
    given.write_text('{"order": "fingerprint"}')
    for file in (None, given):
        rules = rules_of_run(
            drawn.fingerprint.folder, alpha=1e-6, alpha_transfer=0.01, anchored=True, given=file
        )
        assert rules.policy.order == "drawn"
