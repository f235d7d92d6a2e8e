"""Contrast end to end: the source asked in calibrating, and the test that verifying then has."""

import json
import re
from pathlib import Path

import pytest
import torch

import sif as hall
from sif.fingerprint.folder import FingerprintSet
from sif.session.panel import measured_again
from sif.suspects.kept import KeptAnswers
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Query
from sif.vlm.model import Vlm
from tests.cli.command import Run
from tests.fingerprint.small import small_fingerprint
from tests.vlm.folders import Tensors, copy_with_weights


@pytest.fixture
def fingerprint(untrained_llava: Path, tmp_path: Path) -> Path:
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), tmp_path / "fp")
    return tmp_path / "fp"


@pytest.fixture
def source(untrained_llava: Path) -> str:
    return f"hf:{untrained_llava}?max_new_tokens=8"


@pytest.fixture
def panel(untrained_qwen: Path, tmp_path: Path) -> list[str]:
    other = copy_with_weights(untrained_qwen, tmp_path / "other", shuffled)
    return [f"hf:{folder}?max_new_tokens=8" for folder in (untrained_qwen, other)]


def shuffled(tensors: Tensors) -> Tensors:
    """Other weights of the same size."""
    torch.manual_seed(1)
    return {
        name: value.flatten()[torch.randperm(value.numel())].reshape(value.shape)
        for name, value in tensors.items()
    }


def silent() -> ScriptedSuspect:
    return ScriptedSuspect(lambda query: "nothing of that", name="silent")


def _but_for_the_clock(file: Path) -> str:
    return re.sub(r'"created": "[^"]+"', "", file.read_text())


def test_the_command_and_python_ask_the_source_too_and_verifying_tests_both(
    sif: Run, fingerprint: Path, source: str, panel: list[str], tmp_path: Path
) -> None:
    told = [option for member in panel for option in ("--panel", member)]
    attack = ("--image-attack", "jpeg:60")
    code, out, error = sif("calibrate", fingerprint, "--source", source, *told, *attack)
    assert code == 0, error
    assert "contrast allowance" in out
    assert "of the source's words in their order" in out
    written = _but_for_the_clock(fingerprint / "calibration.json")
    (fingerprint / "calibration.json").unlink()
    found = hall.calibrate(fingerprint, panel, source=source, image_attacks=["jpeg:60"])
    assert _but_for_the_clock(fingerprint / "calibration.json") == written
    assert [one.image_attack for one in found.source] == ["none", "jpeg:60"]
    assert {member.model for member in found.members} == {
        member.partition("?")[0] for member in panel
    }
    assert measured_again(FingerprintSet.load(fingerprint)) == found

    for test, reaction, contrast in (
        ((), found.allowance, found.contrast_allowance),
        (("--transfer-test", "reaction"), found.allowance, None),
        (("--transfer-test", "contrast"), None, found.contrast_allowance),
        (("--no-calibration",), None, None),
    ):
        run = tmp_path / "-".join(("run", *test))
        code, _, error = sif("verify", fingerprint, source, "--run", run, *test, *attack)
        assert code == 0, error
        policy = json.loads((run / "run.json").read_text())["policy"]
        assert policy["transfer_allowance"] == reaction
        assert policy.get("contrast_allowance") == contrast
        rows = json.loads((run / "verdict.json").read_text())["per_trigger"]
        assert all(row.get("contrast") == (None if contrast is None else 1.0) for row in rows)


def test_verifying_by_contrast_needs_a_calibration_with_the_source(
    sif: Run, fingerprint: Path, source: str, panel: list[str]
) -> None:
    assert sif("calibrate", fingerprint, "--panel", panel[0])[0] == 0
    code, _, error = sif("verify", fingerprint, source, "--transfer-test", "contrast")
    assert code == 2
    assert "sif calibrate with --source MODEL" in error


def test_another_model_is_no_source_and_one_model_no_panel(
    sif: Run, fingerprint: Path, source: str, panel: list[str]
) -> None:
    code, _, error = sif(
        "calibrate", fingerprint, "--source", panel[0], "--panel", panel[0], "--panel", panel[1]
    )
    assert code == 2
    assert "the model that the triggers were made on" in error
    twice = ("--panel", panel[0], "--panel", panel[0].replace("=8", "=6"))
    for members in (twice[:2], twice):
        code, _, error = sif("calibrate", fingerprint, "--source", source, *members)
        assert code == 2
        assert "a panel of at least 2 models" in error
    assert not (fingerprint / "calibration.json").exists()


def test_given_names_are_kept_apart_under_attacks(fingerprint: Path) -> None:
    """What is said to attacked pictures is not what was said to plain ones."""

    def by_picture(query: Query) -> str:
        return f"picture {sum(query.image.tobytes()) % 997}"

    found = hall.calibrate(
        fingerprint,
        [ScriptedSuspect(by_picture, name="x"), silent()],
        names=["one", "two"],
        image_attacks=["jpeg:20"],
    )
    assert [member.suspect for member in found.members] == [
        *("one", "one image=jpeg:20"),
        *("two", "two image=jpeg:20"),
    ]
    with KeptAnswers(fingerprint / "calibration" / "answers.sqlite") as kept:
        said = [[one.reply for one in kept.answers(name)] for name in ("one", "one image=jpeg:20")]
    assert all(plain != attacked for plain, attacked in zip(*said, strict=True))


def test_asking_for_a_test_that_cannot_be_made_is_refused(
    sif: Run, fingerprint: Path, source: str, panel: list[str]
) -> None:
    ask = ("verify", fingerprint, source, "--transfer-test", "contrast")
    for options in ((), ("--transfer-allowance", "0.3"), ("--no-calibration",)):
        code, _, error = sif(*ask, *options)
        assert code == 2
        assert "calibrat" in error
    assert sif("claim", "commit", fingerprint, "--transfer-test", "contrast")[0] == 2
    hall.calibrate(fingerprint, panel, source=source)
    policy = fingerprint / "rules.txt"
    policy.write_text('{"contrast_allowance": 0.01}')
    code, _, error = sif("claim", "commit", fingerprint, "--policy", policy)
    assert code == 2
    assert "expected a contrast_allowance of at least" in error


def test_a_claim_commits_to_its_test(
    sif: Run, fingerprint: Path, source: str, panel: list[str], tmp_path: Path
) -> None:
    hall.calibrate(fingerprint, panel, source=source)
    code, _, error = sif("claim", "commit", fingerprint, "--transfer-test", "contrast")
    assert code == 0, error
    code, _, error = sif("verify", fingerprint, source, "--committed", "--run", tmp_path / "run")
    assert code == 0, error
    policy = json.loads((tmp_path / "run" / "run.json").read_text())["policy"]
    assert policy["transfer_allowance"] is None
    assert policy["contrast_allowance"] > 0


def test_a_run_goes_on_under_the_test_that_it_was_begun_with(
    sif: Run, fingerprint: Path, source: str, panel: list[str], tmp_path: Path
) -> None:
    two = ("--panel", panel[0], "--panel", panel[1])
    assert sif("calibrate", fingerprint, *two)[0] == 0
    ask = ("verify", fingerprint, source, "--run", tmp_path / "run")
    assert sif(*ask)[0] == 0
    before = json.loads((tmp_path / "run" / "run.json").read_text())["policy"]["transfer_allowance"]
    assert sif("calibrate", fingerprint, "--source", source, *two)[0] == 0
    code, _, error = sif(*ask)
    assert code == 1
    assert "calibrated anew since" in error
    assert "and contrast allowance" in error
    assert sif(*ask, "--transfer-allowance", before)[0] == 0
