"""Folders of pictures: what is read, what is passed over and why, one picture at a time."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.errors import UsageError
from sif.pictures import folder
from sif.pictures.folder import read_images
from tests.cli.command import Run, assert_one_line
from tests.pictures.files import photograph, saved


def picture(level: int = 0, side: int = 24) -> Image.Image:
    return Image.new("RGB", (side, side), (level, 0, 0))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Three pictures, and four files that are none or not meant."""
    folder = tmp_path / "mixed"
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / ".cache").mkdir()
    picture(1).save(folder / "b.png")
    picture(2).save(folder / "sub" / "a.png")
    (folder / "sub" / "deeper" / "c.avif").write_bytes(saved(picture(3), "AVIF"))
    (folder / "broken.jpg").write_bytes(photograph()[:-100])
    picture(side=3).save(folder / "dot.png")
    picture().save(folder / "._b.png")
    picture().save(folder / ".cache" / "d.png")
    (folder / "notes.txt").write_text("notes")
    return folder


def test_folders_in_it_count_and_the_rest_is_passed_over_with_a_reason(
    mixed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="sif.pictures.folder")
    images = read_images(mixed)
    assert images.names == ["b.png", "sub/a.png", "sub/deeper/c.avif"]
    assert [named.name for named in images] == images.names
    counts = [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]
    assert len(counts) == 1
    assert (
        "5 of 8 files passed over (2 hidden, 1 tiny, 1 unreadable, 1 of another kind)" in counts[0]
    )
    reasons = [line.getMessage() for line in caplog.records if line.levelno == logging.INFO]
    assert len(reasons) == 5
    for name, why in {
        "broken.jpg": "truncated",
        "dot.png": "3 x 3 pixels",
        "._b.png": "hidden",
        ".cache": "hidden",
        "notes.txt": "no picture by its name",
    }.items():
        assert any(name in reason and why in reason for reason in reasons), name


def test_strict_stops_at_the_first_and_says_which(mixed: Path) -> None:
    for name in ("._b.png", ".cache/d.png", "broken.jpg", "dot.png"):
        with pytest.raises(UsageError, match=name.split("/")[0]) as caught:
            read_images(mixed, strict=True)
        assert "--strict" in str(caught.value)
        (mixed / name).unlink()
        if name.startswith(".cache"):
            (mixed / ".cache").rmdir()
    assert len(read_images(mixed, strict=True)) == 3


def test_nothing_but_what_is_passed_over_is_refused_with_the_count(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / ".b.png").write_bytes(b"")
    with pytest.raises(UsageError, match=r"got none \(1 hidden, 1 unreadable\)"):
        read_images(tmp_path)
    for path in (tmp_path / "nowhere", tmp_path / "a.png"):
        with pytest.raises(UsageError, match="expected a folder of images"):
            read_images(path)


def test_a_file_without_a_suffix_is_tried(tmp_path: Path) -> None:
    (tmp_path / "0a1b2c").write_bytes(saved(picture(), "PNG"))
    assert read_images(tmp_path).names == ["0a1b2c"]


def test_names_that_are_no_unicode_and_links_in_a_ring_do_no_harm(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.png")
    picture().save(tmp_path / odd)
    (tmp_path / "ring").symlink_to(tmp_path)
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    assert read_images(tmp_path).names == [r"caf\xe9.png"]


def test_pictures_are_read_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "KEPT", 0)
    for index in range(4):
        picture(index).save(tmp_path / f"{index}.png")
    images = read_images(tmp_path)
    picture(99).save(tmp_path / "2.png")
    assert [one.getpixel((0, 0))[0] for one in images.pictures[1:]] == [1, 99, 3]
    assert images[2].image.getpixel((0, 0))[0] == 99
    assert [named.name for named in images[::2]] == ["0.png", "2.png"]
    (tmp_path / "0.png").unlink()
    with pytest.raises(UsageError, match=r"0\.png"):
        images[0]


def test_as_many_small_pictures_stay_in_memory_as_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(4):
        picture(index).save(tmp_path / f"{index}.png")
    pixels = picture().width * picture().height
    monkeypatch.setattr(folder, "KEPT", 2 * pixels + pixels // 2)
    images = read_images(tmp_path)
    for index in range(4):
        picture(99).save(tmp_path / f"{index}.png")
    assert [one.getpixel((0, 0))[0] for one in images.pictures] == [0, 1, 99, 99]
    assert [named.image.getpixel((0, 0))[0] for named in images[1:3]] == [1, 99]


def test_the_command_line_says_how_many_and_stops_where_it_is_strict(
    sif: Run, mixed: Path, tmp_path: Path
) -> None:
    benign = tmp_path / "benign"
    benign.mkdir()
    for index in range(40):
        flat = np.full((24, 24, 3), 6 * index, np.uint8)
        Image.fromarray(flat).save(benign / f"{index}.png")
    code, said, error = sif("detect", mixed, "--benign", benign, "--tile", 12)
    assert code == 0, error
    assert [line.split()[2] for line in said.splitlines()[:-1]] == [
        "b.png",
        "sub/a.png",
        "sub/deeper/c.avif",
    ]
    words = " ".join(error.split())
    assert "5 of 8 files passed over (2 hidden, 1 tiny, 1 unreadable, 1 of another kind)" in words
    assert "truncated" not in words
    code, _, error = sif("-v", "detect", mixed, "--benign", benign, "--tile", 12)
    assert "truncated" in error
    code, _, error = sif("detect", mixed, "--benign", benign, "--tile", 12, "--strict")
    assert code == 2
    assert_one_line(error, "._b.png is hidden", "--strict")
