"""`sif calibrate` and what `sif verify` makes of it, on the real command line."""

import json
from pathlib import Path

import pytest

from sif.vlm.model import Vlm
from tests.cli.command import Run, assert_one_line
from tests.fingerprint.small import pictures, small_fingerprint


@pytest.fixture
def fingerprint(untrained_llava: Path, tmp_path: Path) -> Path:
    out = tmp_path / "fp"
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out, images=pictures(4))
    return out


@pytest.fixture
def other(untrained_qwen: Path) -> str:
    return f"hf:{untrained_qwen}?max_new_tokens=8"


@pytest.fixture
def suspect(untrained_llava: Path) -> str:
    return f"hf:{untrained_llava}?max_new_tokens=8"


def test_a_calibration_is_written_and_every_later_verdict_rests_on_it(
    sif: Run, fingerprint: Path, suspect: str, other: str, tmp_path: Path
) -> None:
    code, output, error = sif(
        "calibrate", fingerprint, "--panel", other, "--image-attack", "jpeg:75"
    )
    assert code == 0, error
    assert "transfer allowance" in output
    assert output.count("jpeg:75") == 1
    kept = json.loads((fingerprint / "calibration.json").read_text())
    assert [member["image_attack"] for member in kept["members"]] == ["none", "jpeg:75"]

    code, output, error = sif("verify", fingerprint, suspect, "--run", tmp_path / "run", "--json")
    assert code == 0, error
    verdict = json.loads(output)
    assert verdict["policy"]["transfer_allowance"] == kept["allowance"]
    assert verdict["transfer_log10_e_value"] is not None
    assert verdict["match_rate"] is not None
    assert verdict["policy"]["order"] == "drawn"
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["policy"] == verdict["policy"]

    code, _, error = sif("verify", fingerprint, suspect, "--image-attack", "jpeg:50")
    assert code == 2
    assert_one_line(error, "jpeg:50", "none, jpeg:75", "--no-calibration")
    code, output, error = sif("verify", fingerprint, suspect, "--no-calibration", "--json")
    assert code == 0, error
    assert json.loads(output)["transfer_log10_e_value"] is None


@pytest.mark.slow
def test_it_goes_on_without_asking_again(sif: Run, fingerprint: Path, other: str) -> None:
    assert sif("calibrate", fingerprint, "--panel", other)[0] == 0
    first = json.loads((fingerprint / "calibration.json").read_text())
    (fingerprint / "calibration.json").unlink()
    code, output, error = sif("calibrate", fingerprint, "--panel", other, "--json")
    assert code == 0, error
    again = json.loads(output)
    assert again | {"created": ""} == first | {"created": ""}


@pytest.mark.slow
def test_the_rules_of_a_run_are_fixed_before_the_first_question(
    sif: Run, fingerprint: Path, suspect: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert sif("verify", fingerprint, suspect, "--run", run)[0] == 0
    for change in (["--alpha", "0.01"], ["--transfer-allowance", "0.1"], ["--no-weights"]):
        code, _, error = sif("verify", fingerprint, suspect, "--run", run, *change)
        assert code == 1
        assert_one_line(error, "rules", "fixed before the first question")
    assert sif("verify", fingerprint, suspect, "--run", run)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, ["--panel", "got none"]),
        (["--panel", "nonsense"], 2, ["hf:"]),
        (["--panel", "hf:nowhere"], 1, ["nowhere"]),
        (["--panel", "hf:x", "--image-attack", "jpg:75"], 2, ["jpeg:75"]),
    ],
)
def test_bad_input_is_one_line(
    sif: Run, fingerprint: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    found, _, error = sif("calibrate", fingerprint, *arguments)
    assert found == code, error
    assert_one_line(error, *words)
    assert not (fingerprint / "calibration.json").exists()
