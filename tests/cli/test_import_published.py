"""`sif import-published` and what follows it, on the real command line."""

import json
from pathlib import Path

import pytest

from tests.cli.command import Run, assert_one_line
from tests.fingerprint.released import released_folder, write_result


@pytest.fixture
def fingerprint(sif: Run, tmp_path: Path, untrained_llava: Path) -> Path:
    released_folder(tmp_path / "released")
    out = tmp_path / "fp"
    code, said, error = sif(
        "import-published", tmp_path / "released", "--out", out, "--tokenizer", untrained_llava
    )
    assert code == 0, error
    assert "3 triggers, simple_0, 1 hash key, gamma 0.5" in said
    assert "proves nothing" in said
    return out


def test_an_imported_fingerprint_is_verified_without_a_proof(
    sif: Run, fingerprint: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    suspect = f"hf:{untrained_llava}?max_new_tokens=8"
    code, said, error = sif("verify", fingerprint, suspect, "--run", tmp_path / "run")
    assert code == 0, error
    assert said.startswith("INCONCLUSIVE  (log10 e-value 0.00, p ≤ 1,")
    assert "nominal, no proof: mean z" in said
    assert "no match rate without --unrelated runs" in said

    options = ["--unrelated", tmp_path / "run", "--json"]
    code, said, error = sif("verify", fingerprint, suspect, *options)
    assert code == 0, error
    verdict = json.loads(said)
    assert (verdict["match_rate"], verdict["published"]["unrelated"]) == (0.0, 1)


def test_reports_of_imported_fingerprints_are_refused(
    sif: Run, fingerprint: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    suspect = f"hf:{untrained_llava}?max_new_tokens=4"
    assert sif("verify", fingerprint, suspect, "--run", tmp_path / "run")[0] == 0
    code, _, error = sif("report", tmp_path / "run")
    assert code == 1
    assert_one_line(error, "imported from the released code", "verdict.json")


def test_bad_input_is_one_line(sif: Run, tmp_path: Path, untrained_llava: Path) -> None:
    rest = ["--out", tmp_path / "fp", "--tokenizer", untrained_llava]
    code, _, error = sif("import-published", tmp_path / "nothing", *rest)
    assert code == 2
    assert_one_line(error, "folder that the released code wrote")

    run = released_folder(tmp_path / "released")
    code, _, error = sif("import-published", run, *rest, "--gamma", "1.5")
    assert code == 2
    assert_one_line(error, "--gamma: input should be less than 1")

    code, _, error = sif("import-published", run, "--out", tmp_path / "fp", "--tokenizer", run)
    assert code == 1
    assert_one_line(error, "the owner's tokenizer")

    write_result(run / "img0002", seeding_scheme="skipgram")
    code, _, error = sif("import-published", run, *rest)
    assert code == 1
    assert_one_line(error, "simple_0 or simple_1", "'skipgram'")
    assert not (tmp_path / "fp").exists()
