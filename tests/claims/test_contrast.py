"""A claim that excludes transfer by whose words the suspect's are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Outcome, audit
from sif.ownership.allowance import TransferTest
from tests.claims.authority import Authority
from tests.claims.made import Claim, asked, audited, edited, make_claim, recommitted

PANEL = "fingerprint/panel.json"
CALIBRATION = "fingerprint/calibration.json"


@pytest.fixture(scope="module", params=["contrast", "both"])
def contrasted(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Claim:
    test: TransferTest = request.param
    folder = tmp_path_factory.mktemp(test)
    return make_claim(folder, authority, anchored=True, order="drawn", test=test)


@pytest.fixture(scope="module")
def contrasted_in_order(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Claim:
    """Asked in the order of the fingerprint, so that it can be committed to anew."""
    folder = tmp_path_factory.mktemp("in order")
    return make_claim(folder, authority, anchored=True, order="fingerprint", test="contrast")


def test_an_auditor_compares_the_answers_again_and_asks_the_suspect(contrasted: Claim) -> None:
    found = audit(contrasted.bundle, contrasted.all_means)
    assert found.failed is None, found.step(found.failed or "")
    assert found.outcome is Outcome.VERIFIED
    assert "counted again" in found.step("transfer").sentence
    assert "contrast allowance" in found.step("policy").sentence
    assert "answer as the source does" in found.step("verdict").sentence


def test_that_the_source_said_so_is_the_claimants_word_until_it_is_asked(
    contrasted: Claim,
) -> None:
    without = replace(contrasted.all_means, source=None)
    found = audit(contrasted.bundle, without)
    assert found.outcome is Outcome.CONSISTENT
    assert found.not_checked == ("transfer",)
    assert "until you ask it (--source)" in found.step("transfer").sentence
    asked_again = audit(contrasted.bundle, contrasted.all_means).step("transfer")
    assert "made-up source says 100% of what it is said to have answered" in asked_again.sentence
    other = asked(lambda query: "something else", "another source")
    refuted = audit(contrasted.bundle, replace(contrasted.all_means, source=other))
    assert refuted.failed == "transfer"
    assert "they are not its own" in refuted.step("transfer").sentence


def _nearer(calibration: dict[str, Any]) -> None:
    calibration["members"][0]["contrasts"]["0001"] = 0.5


def _less_allowed(calibration: dict[str, Any]) -> None:
    calibration["contrast_allowance"] = 0.01


def _none_at_all(calibration: dict[str, Any]) -> None:
    del calibration["contrast_allowance"], calibration["source"]
    for member in calibration["members"]:
        for name in ("contrast", "contrast_bound", "contrasts"):
            del member[name]


def _as_the_suspect_says(panel: dict[str, Any]) -> None:
    """The panel repeats the source's words, which would make it as near as the suspect."""
    first, second = panel["answers"]["panel 7"], panel["answers"]["source"]
    first |= {digest: second[digest] for digest in list(first)[:3]}


def _another_source(panel: dict[str, Any]) -> None:
    panel["answers"]["source"] = dict(panel["answers"]["panel 7"])


@pytest.mark.parametrize(
    ("name", "change", "step"),
    [
        (CALIBRATION, _nearer, "transfer"),
        (CALIBRATION, _less_allowed, "transfer"),
        (CALIBRATION, _none_at_all, "counts"),
        (PANEL, _as_the_suspect_says, "counts"),
        (PANEL, _another_source, "counts"),
    ],
)
def test_other_answers_or_contrasts_are_refuted(
    name: str,
    change: Callable[[Any], None],
    step: str,
    contrasted_in_order: Claim,
    tmp_path: Path,
) -> None:
    contrasted = contrasted_in_order
    files = contrasted.files(tmp_path / "unpacked")
    edited(name, change)(files)
    del files["claim/timestamp.tsr"]
    recommitted(files, contrasted.key)
    found = audited(files, tmp_path / "b.zip", contrasted.all_means)
    assert found.failed == step, found.steps
