"""Large photographs take the memory of one of them, however many there are."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.vlm.model import Vlm
from tests.fingerprint.small import pictures, small_fingerprint

SIDE, NUMBER = 2000, 8
MOST = 1000
"""MB; libraries and one photograph take 650, all of them at once would take 1,200 and more."""
WITH_ITS_MEMORY = """
import re, sys
from pathlib import Path
from sif.cli.main import main
try:
    main()
finally:  # getrusage would know the peak of the process that began this one, too
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    print("MB", int(peak[1]) // 1024, file=sys.stderr)
"""

QUICK = "?max_new_tokens=2"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    ramp = (np.add.outer(np.arange(SIDE), np.arange(SIDE)) % 256).astype(np.uint8)
    for index in range(NUMBER):
        pixels = np.stack([np.roll(ramp, 7 * index, 0), ramp, ramp], -1)
        Image.fromarray(pixels).save(folder / f"{index}.jpg", quality=30)
    return folder


def megabytes(*arguments: object) -> int:
    """The most that a command held at once, in a process of its own."""
    command = [sys.executable, "-c", WITH_ITS_MEMORY, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    return int(ran.stderr.rsplit("MB", 1)[1])


@pytest.mark.slow
def test_pictures_are_scored_one_by_one(photographs: Path) -> None:
    assert megabytes("detect", photographs, "--benign", photographs) < MOST


@pytest.mark.slow
def test_a_model_is_profiled_picture_by_picture(
    photographs: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    for index in range(5 * NUMBER):
        (tmp_path / f"{index:02}.jpg").symlink_to(photographs / f"{index % NUMBER}.jpg")
    assert megabytes("activemark", "profile", untrained_llava, "--images", tmp_path) < MOST


@pytest.mark.slow
def test_ordinary_questions_are_asked_some_at_a_time(
    untrained_llava: Path, untrained_qwen: Path, tmp_path: Path
) -> None:
    ramp = (np.add.outer(np.arange(3000), np.arange(4000)) % 256).astype(np.uint8)
    (tmp_path / "photographs").mkdir()
    for index in range(26):  # 940 MB together
        pixels = np.stack([np.roll(ramp, 7 * index, 0), ramp, ramp], -1)
        Image.fromarray(pixels).save(tmp_path / "photographs" / f"{index}.jpg", quality=30)
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), tmp_path / "fp", images=pictures(2))
    models = (f"hf:{untrained_llava}{QUICK}", "--reference", f"hf:{untrained_qwen}{QUICK}")
    ordinary = ("--benign", tmp_path / "photographs", "--fpr", 0.3, "--signals", "jaccard,length")
    assert megabytes("sda", tmp_path / "fp", *models, *ordinary) < 1300
