"""The README says what is so: its code runs, commands and links exist, folders are there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What the README's commands and code find where they are typed.
FOLDERS = (
    ("zoo", "export", "llava-source", "my-llava"),
    ("zoo", "export", "llava-sibling-c", "not-mine"),
    ("zoo", "scenes", "llava-source", "photos", "-n", "416", "--seed", "1"),
    ("thief", "my-llava", "--out", "stolen", "--prune", "0.2", "--quantize", "nf4"),
)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.slow
def test_the_python_block_runs(tmp_path: Path) -> None:
    (block,) = _blocks("python")
    lines = [line for line in block.splitlines() if line]
    assert len(lines) <= 8
    assert sum("import" in line for line in lines) == 1
    for command in FOLDERS:
        made = _run(tmp_path, "-m", "sif.cli.main", *command)
        assert made.returncode == 0, made.stderr[-2000:]
    outcome = _run(tmp_path, "-c", block)
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    decision, evidence, *_words = outcome.stdout.split()
    assert decision == "derived"
    assert float(evidence) > 6
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_every_command_in_it_is_understood() -> None:
    from sif.cli.main import COMMANDS, GROUPS

    named = {
        line.removeprefix("$ ").split()[1]
        for block in _blocks("")
        for line in block.splitlines()
        if line.removeprefix("$ ").startswith("sif ")
    }
    named |= set(re.findall(r"`sif ([a-z-]+)", README))
    assert {"fingerprint", "calibrate", "verify", "thief", "claim", "activemark", "metav"} <= named
    assert named <= {*COMMANDS, *GROUPS}


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_every_make_target_in_it_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {"demo", "test", "docs"}
    assert targets <= set(re.findall(r"\bmake ([a-z-]+)", README))
    for target in targets:
        assert re.search(rf"^{target}\b.*:", makefile, re.MULTILINE), target


def test_its_tree_shows_the_folders_as_they_are() -> None:
    section = README.split("## Find your way")[1].split("```")[1]
    for folder in ("sif", "prompts", "watermark", "attacks", "eval", "docs", "examples", "tests"):
        assert re.search(rf"(^|, ){folder}/", section, re.MULTILINE), folder
    parts = {p.name for p in (ROOT / "sif").iterdir() if p.is_dir() and not p.is_symlink()}
    for part in parts - {"__pycache__"}:
        assert re.search(rf"\b{part}\b", section), part


def test_it_is_short_and_says_what_was_measured_on_what() -> None:
    words = [word for word in README.split() if any(letter.isalnum() for letter in word)]
    assert 700 <= len(words) <= 900
    assert "mini models of 2 to 3 million parameters" in README
    assert "nothing yet on 7B" in README
