import json
from pathlib import Path

import pytest

from tests.cli.command import Run, assert_one_line
from tests.marks.small import pictures, recipe, tower


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tower().save(tmp_path / "source")
    (tmp_path / "photos").mkdir()
    for number, picture in enumerate(pictures()):
        picture.save(tmp_path / "photos" / f"{number:02d}.png")
    (tmp_path / "quick.yaml").write_text(recipe(steps=60, rate=5e-3).model_dump_json())
    return tmp_path


def embed(sif: Run, root: Path, *more: object) -> tuple[int, str, str]:
    out = ("--out", root / "wm", "--model-out", root / "marked")
    chosen = ("--images", root / "photos", "--recipe", root / "quick.yaml")
    return sif("activemark", "embed", root / "source", *out, *chosen, *more)


def test_a_model_is_marked_and_found_and_its_source_is_not(sif: Run, source: Path) -> None:
    code, words, _error = embed(sif, source)
    assert code == 0 and "of 6 hold-out images detected" in words
    suspects = (source / "marked", source / "source")
    code, words, _error = sif(
        "activemark", "verify", source / "wm", *suspects, "--json", "--run", source / "run"
    )
    verdicts = json.loads(words)
    assert code == 0 and [one["decision"] for one in verdicts] == ["derived", "not_shown"]
    assert json.loads((source / "run" / "verdicts.json").read_text()) == verdicts
    assert (source / "run" / "errors.png").read_bytes().startswith(b"\x89PNG")
    code, words, _error = sif("activemark", "verify", source / "wm", *suspects)
    assert code == 0 and "DERIVED" in words and "NOT SHOWN" in words
    code, _words, _error = sif(
        "activemark", "verify", source / "wm", suspects[0], "--fail-if", "derived"
    )
    assert code == 3
    code, words, _error = sif(
        "activemark", "bounds", source / "wm", "--dependent", suspects[0], "--alpha", "1e-3",
        "--independent", suspects[1], "--json",
    )  # fmt: skip
    found = json.loads(words)
    assert code == 0 and [panel["kind"] for panel in found["panels"]] == [
        "independent",
        "dependent",
    ]
    code, words, _error = sif("activemark", "bounds", source / "wm")
    assert code == 0 and "τ = " in words


def test_a_profile_is_a_table_a_plot_and_json(sif: Run, source: Path) -> None:
    plot = source / "profile.png"
    chosen = ("activemark", "profile", source / "source", "--images", source / "photos")
    code, words, _error = sif(*chosen, "--plot", plot)
    assert code == 0 and "expressive" in words and plot.read_bytes().startswith(b"\x89PNG")
    code, words, _error = sif(*chosen, "--json")
    found = json.loads(words)
    assert code == 0 and len(found["magnitudes"]) == 3 and found["block"] == 1


def test_too_few_images_are_said_in_one_line(sif: Run, source: Path) -> None:
    code, _words, error = embed(sif, source, "--holdout", 15)
    assert code == 2
    assert_one_line(error, "at least 23 different images", "got 20")


def test_a_suspect_of_another_width_is_said_in_one_line(
    sif: Run, source: Path, untrained_llava: Path
) -> None:
    embed(sif, source)
    code, _words, error = sif("activemark", "verify", source / "wm", untrained_llava)
    assert code == 2
    assert_one_line(error, "features 32 here and 128 there")


def test_a_folder_that_is_no_watermark_is_said_in_one_line(sif: Run, source: Path) -> None:
    code, _words, error = sif("activemark", "verify", source / "photos", source / "source")
    assert code == 1
    assert_one_line(error, "expected a watermark folder")


def test_a_model_folder_that_exists_is_refused_before_any_work(sif: Run, source: Path) -> None:
    (source / "marked").mkdir()
    code, _words, error = embed(sif, source)
    assert code == 2
    assert_one_line(error, "exists already")


def test_the_help_teaches_with_an_example(sif: Run) -> None:
    for command in ("profile", "embed", "verify", "bounds"):
        code, words, _error = sif("activemark", command, "--help")
        assert code == 0 and "Example:" in words
