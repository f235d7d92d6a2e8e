"""The scripts in examples/ are short, and do what their first lines say."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import export

ROOT: Final = Path(__file__).parents[1]
EXAMPLES: Final = sorted((ROOT / "examples").glob("*.py"))
LONGEST: Final = 40
RECIPE: Final = """
schema_version: 1
name: quick
description: "The default with an eighth of its steps, and without what it learns from pictures."
objective: {kind: green_mass}
schedule: {steps: 10, epsilon: 16, step_size: 2, momentum: 0.9}
"""


def _run(script: str, *words: str | Path, folder: Path) -> str:
    outcome = subprocess.run(
        [sys.executable, ROOT / "examples" / script, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    return outcome.stdout


def test_there_are_three_and_none_is_long() -> None:
    assert len(EXAMPLES) == 3
    for script in EXAMPLES:
        assert len(script.read_text(encoding="utf-8").splitlines()) <= LONGEST, script.name


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.name)
def test_each_says_how_it_is_run(script: Path) -> None:
    head = script.read_text(encoding="utf-8").split('"""')[1]
    assert f"python examples/{script.name}" in head


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, its world's pictures, and an innocent that ten steps' triggers do not move."""
    folder = tmp_path_factory.mktemp("examples")
    source = find("llava-source")
    export(source, folder / "my-llava")
    export(find("qwen-stranger-a"), folder / "not-mine")
    (folder / "photos").mkdir()
    for number, sample in enumerate(samples(source.world, number=6, seed=1)):
        sample.image.save(folder / "photos" / f"{number}.png")
    (folder / "quick.yaml").write_text(RECIPE)
    return folder


@pytest.mark.slow
def test_a_model_is_protected_and_found_behind_an_attack(workshop: Path) -> None:
    said = _run(
        "protect.py",
        *("my-llava", "photos", "fp", "hf:not-mine", "--count", "3"),
        *("--recipe", "quick.yaml", "--attacks", "noise:4"),
        folder=workshop,
    )
    assert re.fullmatch(r"3 triggers; transfer allowance [01]\.\d\d\n", said)
    said = _run(
        "under_attack.py",
        *("fp", "hf:my-llava", "runs", "--attacks", "noise:4", "--alpha", "1e-3"),
        folder=workshop,
    )
    plain, attacked, page = said.splitlines()
    assert plain.split()[0] == "none"
    assert attacked.split()[0] == "noise:4"
    assert float(plain.split()[-1]) > 3
    assert (workshop / page).read_text(encoding="utf-8").count("noise:4") > 0


@pytest.mark.slow
def test_the_digits_are_networks_that_sif_metav_reads(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    from safetensors.torch import load_file

    from sif.networks.weights import load_network

    _run("digits.py", "digits", folder=tmp_path)
    networks = {
        name: load_network(tmp_path / "digits" / f"{name}.safetensors")
        for name in ("mine", "stolen", "other")
    }
    data = load_file(tmp_path / "digits" / "data.safetensors")
    for network in networks.values():
        right = (network(data["inputs"]).argmax(-1) == data["targets"]).float().mean()
        assert right > 0.8
