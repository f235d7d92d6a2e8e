"""The panel's answers are in the bundle, and give the counts on which τ rests."""

import json
from typing import Any

import pytest

from sif.claims import Outcome, audit
from sif.ownership.calibration import read_calibration
from sif.ownership.panel_answers import PANEL, read_panel
from tests.claims.made import Claim, Files, audited, edited, recommitted

FILE = f"fingerprint/{PANEL}"
CALIBRATION = "fingerprint/calibration.json"


def test_the_answers_are_committed_and_counted_again(claim: Claim, files: Files) -> None:
    folder = claim.fingerprint.folder
    measured = read_calibration(folder)
    assert measured is not None
    panel = read_panel(folder, measured)
    assert panel is not None
    assert [len(some) for some in panel.answers.values()] == [24, 24]
    assert FILE in files
    found = audit(claim.bundle, claim.all_means)
    assert found.outcome is Outcome.VERIFIED, found.steps
    assert "counted again, and is above" in found.step("transfer").sentence


def _less_green(calibration: dict[str, Any]) -> None:
    """Another count for one answer; the claimant mends everything that follows from it."""
    seen = calibration["members"][0]["answers"]["0001"]
    seen["green"] -= 1


def _another_answer(panel: dict[str, Any]) -> None:
    some = panel["answers"]["panel 7"]
    first, second = list(some)[:2]
    some[first] = some[second]


def _dropped(panel: dict[str, Any]) -> None:
    some = panel["answers"]["panel 7"]
    del some[next(iter(some))]


@pytest.mark.parametrize("change", [_another_answer, _dropped])
def test_answers_that_give_other_counts_are_refuted(
    numbered: Claim, tmp_path: Any, change: Any
) -> None:
    files = numbered.files(tmp_path / "unpacked")
    edited(FILE, change)(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, numbered.key)
    found = audited(files, tmp_path / "b.zip", numbered.all_means)
    assert found.failed == "transfer"
    assert "in the answer of 'panel 7' to trigger" in found.step("transfer").sentence


def test_counts_that_do_not_follow_from_the_answers_are_refuted(
    numbered: Claim, tmp_path: Any
) -> None:
    files = numbered.files(tmp_path / "unpacked")
    edited(CALIBRATION, _less_green)(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, numbered.key)
    assert audited(files, tmp_path / "b.zip", numbered.all_means).failed == "transfer"


def test_a_bundle_without_them_does_not_say_that_they_were_counted(
    numbered: Claim, tmp_path: Any
) -> None:
    files = numbered.files(tmp_path / "unpacked")
    del files[FILE], files["claim/timestamp.tsr"]
    recommitted(files, numbered.key)
    found = audited(files, tmp_path / "b.zip", numbered.all_means)
    assert found.failed is None, found.steps
    assert "models that the claimant asked and is above" in found.step("transfer").sentence


def test_what_is_no_panel_is_refuted(numbered: Claim, tmp_path: Any) -> None:
    files = numbered.files(tmp_path / "unpacked")
    files[FILE] = json.dumps({"schema_version": 1, "answers": {}}).encode()
    del files["claim/timestamp.tsr"]
    recommitted(files, numbered.key)
    found = audited(files, tmp_path / "b.zip", numbered.all_means)
    assert found.failed == "transfer"
    assert "expected answers of a panel" in found.step("transfer").sentence
