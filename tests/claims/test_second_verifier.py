"""The second verifier: that it stands alone, says the same, and notices what is wrong."""

import ast
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Means, audit, load_roots
from tests.claims import second_verifier
from tests.claims.made import MANIFEST, Claim, Files, edited, flipped, lines, packed, resigned
from tests.claims.second_verifier import WrongError, verify
from tests.claims.second_verifier.writing import ecmascript
from tests.claims.test_control import control_rows

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDER = Path(second_verifier.__file__).parent
ALLOWED = {"PIL", "numpy", "tokenizers"}


def test_it_shares_no_code_with_the_package() -> None:
    imported = {
        name.split(".")[0]
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and node.level == 0
            else []
        )
    }
    assert imported <= ALLOWED | set(sys.stdlib_module_names)


def test_every_audit_is_compared(claim: Claim, plain: Claim, compared: list[str]) -> None:
    for one in (claim, plain):
        found = audit(one.bundle, one.means)
        assert found.supported
        assert compared[-1] == verify(one.bundle).root
    before = len(compared)
    roots = load_roots([GOLDEN / "root.pem"])
    means = Means(roots=roots, alpha_transfer=0.1, tokens_tried=1000.0)
    assert audit(GOLDEN / "claim.zip", means).supported
    assert len(compared) == before + 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (-1.5e-7, "-1.5e-7"),
        (1e-6, "0.000001"),
        (123.456, "123.456"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (100, "100"),
        (0.1, "0.1"),
    ],
)
def test_its_numbers_are_those_of_ecmascript(number: float, text: str) -> None:
    assert ecmascript(number) == text


WRONG: dict[str, tuple[Callable[[Files], Any], str]] = {
    "a picture": (flipped("fingerprint/triggers/0001.png"), "0001"),
    "a prompt": (edited(MANIFEST, lambda m: m["triggers"][0].update(prompt="?")), "manifest"),
    "the salt": (lambda f: f.update({"claim/salt.key": b"00" * 32 + b"\n"}), "secret"),
    "an answer's picture": (lines(lambda rows: rows[0].update(digest="0")), "question"),
    "a prompt in the journal": (lines(lambda rows: rows[0].update(prompt="0")), "prompt"),
    "a base picture": (flipped("fingerprint/triggers/0001.base.png"), "0001"),
    "a base picture in the control": (control_rows(lambda r: r[0].update(digest="0")), "base"),
    "a prompt in the control": (control_rows(lambda r: r[0].update(prompt="0")), "control"),
    "a suspect in the control": (control_rows(lambda r: r[0].update(suspect="0")), "control"),
    "a reply in the control left out": (control_rows(lambda r: r.pop()), "number of replies"),
    "no control": (lambda f: f.pop("run/control.jsonl"), "whether controlled"),
    "another example": (
        edited("run/run.json", lambda r: r.update(example="A circle.")),
        "the example",
    ),
    "the token of the anchor": (
        lambda f: f.update({"claim/anchor.tsr": f["claim/timestamp.tsr"]}),
        "stamped beforehand",
    ),
    "the token of the commitment": (
        lambda f: f.update({"claim/timestamp.tsr": f["claim/anchor.tsr"]}),
        "what was stamped",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_it_notices_what_does_not_fit(
    claim: Claim, files: Files, tmp_path: Path, case: str
) -> None:
    change, words = WRONG[case]
    change(files)
    resigned(files, claim.key)
    with pytest.raises(WrongError, match=words):
        verify(packed(files, tmp_path / "b.zip"))


def test_a_key_that_is_not_that_of_the_secret_is_noticed(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    secret = files["claim/secret.key"].decode().split("\n")
    secret[1] = "00" * 32
    files["claim/secret.key"] = "\n".join(secret).encode()
    resigned(files, claim.key)
    with pytest.raises(WrongError, match="the secret"):
        verify(packed(files, tmp_path / "b.zip"))


def test_a_control_that_does_not_pass_is_no_decision(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    """The suspect says the same to pictures before they were changed."""
    assert verify(claim.bundle).decision == "derived"
    control_rows(lambda rows: [row.update(text=claim.told[row["trigger"]]) for row in rows])(files)
    resigned(files, claim.key)
    found = verify(packed(files, tmp_path / "b.zip"))
    assert found.control is not None
    assert not found.control.passed
    assert found.control.log10_e_value == found.log10_e_value
    assert found.decision == "inconclusive"


def test_a_silent_base_picture_takes_its_trigger_with_it(
    claim: Claim, files: Files, tmp_path: Path
) -> None:
    whole = verify(claim.bundle)
    control_rows(lambda rows: rows[0].update(text=None, unanswered="refused"))(files)
    resigned(files, claim.key)
    found = verify(packed(files, tmp_path / "b.zip"))
    assert found.counts == [(whole.counts[0][0], None), *whole.counts[1:]]
    assert found.log10_gaps > whole.log10_gaps + 2.0


def test_it_runs_as_a_program(claim: Claim, tmp_path: Path) -> None:
    import subprocess

    shutil.copytree(FOLDER, tmp_path / "alone")
    outcome = subprocess.run(
        [sys.executable, "-P", "-m", "alone", claim.bundle],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(tmp_path)},
        timeout=120,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(outcome.stdout)["decision"] == "derived"
