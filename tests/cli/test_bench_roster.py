from pathlib import Path

import pytest

from sif.mini.catalogue import find
from sif.mini.folders import export
from tests.cli.command import Run, assert_one_line
from tests.eval.rosters.lists import content, entry, write


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that breaks no line of the table."""
    monkeypatch.setenv("COLUMNS", "300")


@pytest.mark.usefixtures("wide")
def test_a_dry_run_of_folders_and_downloads_succeeds_and_leaves_nothing(
    sif: Run, images: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    far = entry("far", "hf:org/far", "innocent", parameters=10**6, disk_gb=0.1)
    aside = entry("aside", "hf:org/aside", set_aside="needs code of its own")
    roster = write(tmp_path / "little.yaml", content(untrained_llava, far, aside))
    settings = ("--images", images, "--out", tmp_path / "out", "--image-attacks", "none,jpeg:75")
    code, said, error = sif("bench", "roster", roster, *settings, "--dry-run")
    assert code == 0, error
    rows = {line.split()[0]: line for line in said.splitlines() if "  suspect " in line}
    assert set(rows) == {"ready", "download", "set"}
    assert "4 questions; to be downloaded" in rows["download"]
    assert "0.1 GB" in rows["download"]
    assert "8 questions to 2 suspects\nto be downloaded: suspect far\n" in said
    assert "1 for 2 triggers; some are used again" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("wide")
def test_a_dry_run_fails_where_more_than_downloads_is_missing(
    sif: Run, images: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    gone = entry("gone", "hf:/nowhere/at/all")
    roster = write(tmp_path / "little.yaml", content(untrained_llava, gone))
    command = ("bench", "roster", roster, "--out", tmp_path / "out", "--dry-run")
    code, said, _ = sif(*command, "--images", tmp_path / "none")
    assert code == 1
    assert "missing: base images, suspect gone\n" in said
    assert "get pictures of anything" in said
    code, said, _ = sif(*command, "--images", images, "--suspects", "source")
    assert (code, "nothing is missing" in said) == (0, True)
    code, said, _ = sif(*command, "--images", images, "--suspects", "source", "--methods", "pla")
    assert (code, "missing: method pla" in said) == (1, True)
    (images / "b.png").write_bytes(b"\x89PNG")
    code, said, _ = sif(*command, "--images", images, "--suspects", "source")
    assert (code, "b.png" in said) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gpt",), ("llava-1.5-7b", "'gpt'")),
        (("llava-1.5-7b", "--suspects", "source,gpt"), ("nf4", "'gpt'")),
        (("llava-1.5-7b", "--methods", "magic"), ("magic",)),
        (("qwen2.5-vl-7b", "--image-attacks", "flip"), ("flip",)),
        (("qwen2.5-vl-7b", "--methods", "pla"), ("no green list",)),
    ],
)
def test_what_is_wrong_as_written_is_wrong_usage(
    sif: Run, images: Path, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    settings = ("--images", images, "--out", tmp_path / "out")
    code, _, error = sif("bench", "roster", *arguments, *settings)
    assert code == 2
    assert_one_line(error, *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_roster_of_mini_models_is_asked_and_told_and_resumed(
    sif: Run, images: Path, tmp_path: Path
) -> None:
    for name in ("llava-source", "llava-stranger-b"):
        export(find(name), tmp_path / name)
    (tmp_path / "broken").mkdir()
    roster = write(
        tmp_path / "little.yaml",
        content(
            tmp_path / "llava-source",
            entry("broken", f"hf:{tmp_path}/broken"),
            entry("stranger", f"hf:{tmp_path}/llava-stranger-b", "innocent"),
        ),
    )
    out = tmp_path / "out"
    settings = ("--images", images, "--out", out, "--steps", 2, "--image-attacks", "none,blur:1")
    method = "sif@content_share=null"  # one picture does not tell what pictures hold
    command = ("bench", "roster", roster, *settings, "--methods", method)
    code, said, error = sif(*command)
    assert code == 0, error
    table = (out / "summary.md").read_text()
    overview, everybody = table.split("\n## Everybody")
    assert overview in said
    for row in ("source (held out) | none", "stranger (held out) | blur:1"):
        assert f"| {method} | {row} |" in everybody
    assert "| DERIVED, strangers | 0 of 1 |" in overview
    assert "SSIM" not in overview
    assert "| broken | copy | failed | cannot load the processor of" in overview
    assert "from 1 of 1 innocents" in overview
    written = {path.name for path in out.iterdir() if path.is_file()}
    assert {
        "summary.md",
        "suspects.svg",
        "image-attacks.svg",
        "heatmap.svg",
        "cost.svg",
        "suspects.json",
        "cells.parquet",
        "costs.parquet",
    } <= written
    assert "asking stranger: 4 of 4" in error
    code, again, _ = sif(*command)
    assert (code, again) == (0, said)
