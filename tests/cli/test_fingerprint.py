from pathlib import Path

import pytest

from sif.fingerprint.folder import FingerprintSet
from tests.cli.command import Run, assert_one_line
from tests.nearly_full import nearly_full_disk

QUICK = ("--steps", 2, "-n", 2, "--batch", 1, "--recipe", "sif-paper", "--epsilon", 8)


@pytest.mark.slow
def test_triggers_are_made_within_the_budget_and_the_signal_is_told(
    sif: Run, images: Path, untrained_qwen: Path, tmp_path: Path
) -> None:
    out = tmp_path / "fp"
    code, said, error = sif("fingerprint", untrained_qwen, "--images", images, "--out", out, *QUICK)
    assert code == 0, error
    assert "2 triggers, green z-score" in said
    assert "triggers: 2 of 2" in error
    fingerprint = FingerprintSet.load(out)
    assert [t.record.source_image for t in fingerprint.triggers] == ["a.png", "a.png"]
    assert len({t.record.prompt for t in fingerprint.triggers}) == 2
    assert max(t.record.quality.largest_change for t in fingerprint.triggers) <= 8
    secret = (out / "secret.key").read_text().split()[-1]
    assert secret not in said + error


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    sif: Run, images: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    out = tmp_path / "fp"
    command = ("fingerprint", untrained_llava, "--images", images, "--out", out, *QUICK)
    with nearly_full_disk(3_000):
        code, _, error = sif(*command)
    assert code == 1
    assert_one_line(error, "cannot write", "tokenizer", "free some space")
    key = (out / "secret.key").read_bytes()
    code, _, error = sif(*command)
    assert code == 0, error
    assert (out / "secret.key").read_bytes() == key
    assert len(FingerprintSet.load(out).triggers) == 2
