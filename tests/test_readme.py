"""README and docs say what is so: code runs, commands and links exist, folders are there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}


def _blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.slow
def test_the_python_block_runs(tmp_path: Path) -> None:
    (block,) = _blocks("python")
    outcome = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    decision, evidence, *_words = outcome.stdout.split()
    assert decision in ("derived", "not_shown", "inconclusive")
    assert float(evidence) >= 0


def test_every_command_in_it_exists() -> None:
    from sif.cli.main import COMMANDS, GROUPS

    named = {
        line.split()[1]
        for page in PAGES.values()
        for block in _blocks("", page)
        for line in block.splitlines()
        if line.startswith("sif ")
    }
    assert {"fingerprint", "verify", "report", "thief", "serve", "zoo", "doctor"} <= named
    assert named <= {*COMMANDS, *GROUPS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGES[page])
    for link in links:
        assert (page.parent / link).exists(), link
    if page.name == "README.md":
        assert {f"docs/{other.name}" for other in PAGES if other != page} <= set(links)


def test_every_make_target_in_it_exists() -> None:
    targets = set(re.findall(r"\bmake ([a-z-]+)", README)) - {"trigger"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in targets & {"demo", "test", "check", "format"}:
        assert re.search(rf"^{target}\b.*:", makefile, re.MULTILINE), target
    assert {"demo", "test"} <= targets


def test_its_structure_shows_the_folders_as_they_are() -> None:
    section = README.split("## Structure")[1].split("##")[0]
    for folder in ("sif", "prompts", "watermark", "attacks", "eval", "tests", "tools"):
        assert re.search(rf"^{folder}/", section, re.MULTILINE), folder
    parts = {p.name for p in (ROOT / "sif").iterdir() if p.is_dir() and not p.is_symlink()}
    for part in parts - {"__pycache__", "recipes"}:
        assert f"  {part}/" in section, part
