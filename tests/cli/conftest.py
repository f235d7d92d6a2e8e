"""The command line in this process, and what its tests share."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.cli import main as command_line
from tests.cli.command import Run


@pytest.fixture
def sif(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `sif` with arguments; gives exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sif", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            command_line.main()
        output = capsys.readouterr()
        return int(leaving.value.code or 0), output.out, output.err

    return run


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with one picture."""
    folder = tmp_path / "images"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder
