import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.mini.data import samples
from tests.cli.command import Run, assert_one_line


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Ordinary scenes, and a folder with one more of them and one that was disturbed."""
    root = tmp_path_factory.mktemp("pictures")
    benign, mixed = root / "benign", root / "mixed"
    benign.mkdir()
    mixed.mkdir()
    drawn = [sample.image for sample in samples(11, number=161, seed=931)]
    for number, image in enumerate(drawn[1:]):
        image.save(benign / f"{number:03}.png")
    signs = np.random.default_rng(1).choice([-12, 12], (72, 72, 3))
    disturbed = (np.asarray(drawn[0], np.int16) + signs).clip(0, 255).astype(np.uint8)
    drawn[0].save(mixed / "a.png")
    Image.fromarray(disturbed).save(mixed / "b.png")
    return benign, mixed


def test_what_sticks_out_is_flagged(sif: Run, folders: tuple[Path, Path]) -> None:
    benign, mixed = folders
    code, said, _ = sif("detect", mixed, "--benign", benign, "--tile", 12)
    assert code == 0
    first, second, summary = said.splitlines()
    assert first.split()[1:] == ["passed", "a.png"]
    assert second.split()[1:] == ["flagged", "b.png"]
    assert summary.startswith("1 of 2 flagged above ")


def test_scores_come_as_json(sif: Run, folders: tuple[Path, Path]) -> None:
    benign, mixed = folders
    code, said, _ = sif("detect", mixed, "--benign", benign, "--tile", 12, "--json")
    assert code == 0
    found = json.loads(said)
    assert found["scores"]["a.png"] < found["threshold"] < found["scores"]["b.png"]


def test_too_few_ordinary_pictures_are_wrong_usage(
    sif: Run, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    Image.new("RGB", (24, 24)).save(tmp_path / "only.png")
    code, _, error = sif("detect", folders[1], "--benign", tmp_path)
    assert code == 2
    assert_one_line(error, "ordinary pictures", "got 1")
