"""A tokenizer that never comes to an end is stopped, and ordinary ones are not."""

import json
import time
from pathlib import Path

import pytest

from sif.claims import audit, trial_cut
from sif.claims.trial_cut import check_ends, may_run_wild
from sif.errors import ClaimError
from tests.claims.made import (
    TOKENIZER_JSON,
    Claim,
    Files,
    audited,
    lines,
    named_tokenizer,
    recommitted,
)
from tools.time_audit import build_tokenizer

SLOW = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
REPLACE = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}


def slow(tokenizer: bytes) -> bytes:
    """The same words, and a pattern that takes a tenth of a second for a word of twenty letters.

    Longer ones reach the limit of the library, which then gives up.
    """
    content = json.loads(tokenizer)
    content["pre_tokenizer"] = SLOW
    return json.dumps(content).encode()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_cut, "SECONDS", 3.0)


@pytest.mark.usefixtures("impatient")
def test_a_pattern_that_runs_for_ever_is_stopped() -> None:
    plain = build_tokenizer(600).backend_tokenizer.to_str().encode()
    words = [("a" * 20 + "! ") * 1000] * 30
    start = time.monotonic()
    with pytest.raises(ClaimError, match=r"30 prompts and answers within 3 seconds, got no end"):
        check_ends(slow(plain), words, where="tokenizer/tokenizer.json")
    assert time.monotonic() - start < 20.0


def test_only_patterns_of_its_own_make_a_tokenizer_be_tried() -> None:
    plain = build_tokenizer(600).backend_tokenizer.to_str().encode()
    assert not may_run_wild(plain)
    assert may_run_wild(slow(plain))
    assert may_run_wild(slow(plain).replace(b"Regex", rb"\u0052egex"))
    content = json.loads(plain)
    content["normalizer"] = {"type": "Sequence", "normalizers": [REPLACE]}
    assert may_run_wild(json.dumps(content).encode())
    assert may_run_wild(b"no JSON")


def test_what_ends_and_what_is_rubbish_pass_on() -> None:
    plain = build_tokenizer(600).backend_tokenizer.to_str().encode()
    check_ends(plain, ["a b c", "\ud800"], where="it")
    check_ends(b"\xff\x00 no tokenizer", ["a"], where="it")


@pytest.mark.usefixtures("impatient")
def test_an_audit_fails_where_a_tokenizer_does_not_end(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    assert audit(claim.bundle).failed is None
    files[TOKENIZER_JSON] = slow(files[TOKENIZER_JSON])
    lines(lambda rows: [row.update(text=("a" * 20 + "! ") * 1000) for row in rows])(files)
    del files["claim/timestamp.tsr"]
    named_tokenizer(files)
    recommitted(files, claim.key)
    found = audited(files, tmp_path / "b.zip")
    assert found.failed == "tokenizer"
    assert "within 3 seconds" in found.step("tokenizer").sentence
