import re
from pathlib import Path

import pytest

from sif.held import LOCK
from sif.mini.catalogue import find
from sif.mini.folders import export
from tests.cli.command import Run, assert_one_line
from tests.eval.triggers.lists import content, entry, write


def sets(**settings: object) -> list[str]:
    """Settings as they are typed."""
    return [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]


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
    some = sets(roster=roster, images=images, image_attacks="none,jpeg:75")
    code, said, error = sif("bench", "triggers", "--out", tmp_path / "out", *some, "--dry-run")
    assert code == 0, error
    rows = {line.split()[0]: line for line in said.splitlines() if "  suspect " in line}
    assert set(rows) == {"ready", "download", "set"}
    assert "4 questions; to be downloaded" in rows["download"]
    assert "0.1 GB" in rows["download"]
    assert "8 to 2 suspects" in said
    assert "nothing is missing" in said
    assert "1 for 2 triggers; some are used again" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("wide")
def test_a_dry_run_fails_where_more_than_downloads_is_missing(
    sif: Run, images: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    gone = entry("gone", "hf:/nowhere/at/all")
    roster = write(tmp_path / "little.yaml", content(untrained_llava, gone))

    def dry(**more: object) -> tuple[int, str]:
        some = sets(**{"roster": roster, "images": images} | more)
        return sif("bench", "triggers", "--out", tmp_path / "out", *some, "--dry-run")[:2]

    code, said = dry(images=tmp_path / "none")
    assert code == 1
    assert "missing: base images, suspect gone\n" in said
    assert "get pictures of anything" in said
    code, said = dry(suspects="source")
    assert (code, "nothing is missing" in said) == (0, True)
    code, said = dry(suspects="source", methods="pla")
    assert (code, "missing: method pla" in said) == (1, True)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "b.png").write_bytes(b"\x89PNG")
    code, said = dry(suspects="source", images=tmp_path / "broken")
    assert (code, "1 unreadable" in said) == (1, True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"roster": "gpt"}, ("llava-1.5-7b", "'gpt'")),
        ({"roster": "llava-1.5-7b", "suspects": "source,gpt"}, ("nf4", "'gpt'")),
        ({"roster": "llava-1.5-7b", "methods": "magic"}, ("magic",)),
        ({"roster": "qwen2.5-vl-7b", "image_attacks": "flip"}, ("flip",)),
    ],
)
def test_what_is_wrong_as_written_is_wrong_usage(
    sif: Run, images: Path, tmp_path: Path, settings: dict[str, str], words: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    code, _, error = sif("bench", "triggers", "--out", out, *sets(images=images, **settings))
    assert code == 2
    assert_one_line(error, *words)
    assert not out.exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"methods": "pla"}, ("no green list",)), ({"images": "none"}, ("images=FOLDER", "images"))],
)
def test_what_cannot_be_made_is_wrong_usage_and_nothing_is_made(
    sif: Run, images: Path, tmp_path: Path, settings: dict[str, str], words: tuple[str, ...]
) -> None:
    out, some = tmp_path / "out", {"roster": "qwen2.5-vl-7b", "images": images}
    code, _, error = sif("bench", "triggers", "--out", out, *sets(**some | settings))
    assert code == 2
    assert_one_line(error, *words)
    assert sorted(path.name for path in out.iterdir()) == [LOCK, "study.txt"]


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
    method = "sif@content_share=null"  # one picture does not tell what pictures hold
    some = sets(roster=roster, images=images, steps=2, image_attacks="none,blur:1", methods=method)
    command = ("bench", "triggers", "--out", out, *some)
    code, said, error = sif(*command)
    assert code == 0, error
    table = (out / "summary.md").read_text()
    overview, everybody = table.split("## Everybody")
    assert overview.partition("<!-- details -->")[0].strip() in said
    for row in ("source (held out) | none", "stranger (held out) | blur:1"):
        assert f"| {method} | {row} |" in everybody
    assert "| DERIVED, strangers | 0 of 1 |" in overview
    assert "SSIM" not in overview
    assert re.search(r"\| broken \| copy \| failed \| (cannot load|expected a model)", overview)
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
        "portraits.parquet",
    } <= written
    assert "asking stranger: 2 of 2" in error
    code, again, _ = sif(*command)
    assert (code, again) == (0, said)
