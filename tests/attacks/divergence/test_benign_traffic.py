"""Benign questions from a folder or JSONL, and halves that share no picture."""

import base64
import json
from pathlib import Path

import pytest
from PIL import Image

from sif.attacks.divergence.benign_traffic import halve, read_benign
from sif.attacks.divergence.exchange import at_once
from sif.errors import UsageError
from sif.prompts import load
from sif.types import GenerationSettings, Query
from tests.attacks.divergence.exchanges import PICTURE, benign

SETTINGS = GenerationSettings(max_new_tokens=7)


def test_pictures_of_a_folder_are_asked_about_with_ordinary_prompts(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg"):
        PICTURE.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    first, second = read_benign(tmp_path, SETTINGS)
    assert (first.prompt, second.prompt) == load()[:2]
    assert first.generation == SETTINGS


def test_lines_name_picture_and_prompt(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.png")
    file = tmp_path / "set.jsonl"
    file.write_text('{"image": "a.png", "prompt": "What?", "answer": "x"}\n\n')
    (query,) = read_benign(file, SETTINGS)
    assert query.prompt == "What?"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty set"),
        ('{"image": "a.png", "prompt": "x"}\n{"image": 3}\n', "line 2"),
        ("nonsense\n", "line 1"),
        ('{"image": "b.png", "prompt": "x"}\n', "b.png"),
    ],
)
def test_broken_files_say_where(tmp_path: Path, text: str, words: str) -> None:
    PICTURE.save(tmp_path / "a.png")
    file = tmp_path / "set.jsonl"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_benign(file, SETTINGS)


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="empty set"):
        read_benign(tmp_path, SETTINGS)
    with pytest.raises(UsageError, match="JSONL"):
        read_benign(tmp_path / "nowhere", SETTINGS)


def test_a_file_that_is_no_picture_is_passed_over_or_stops_the_strict(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"cut")
    assert len(read_benign(tmp_path, SETTINGS)) == 1
    with pytest.raises(UsageError, match=r"b\.png"):
        read_benign(tmp_path, SETTINGS, strict=True)


@pytest.mark.parametrize("form", ["folder", "lines", "base64"])
def test_pictures_are_read_when_their_question_is_asked_for(tmp_path: Path, form: str) -> None:
    files = [tmp_path / f"{index}.png" for index in range(4)]
    for file, query in zip(files, benign(4), strict=True):
        query.image.save(file)
    source = tmp_path if form == "folder" else tmp_path / "set.jsonl"
    if form != "folder":
        words = [
            base64.b64encode(file.read_bytes()).decode() if form == "base64" else file.name
            for file in files
        ]
        rows = [json.dumps({"image": word, "prompt": "What?"}) for word in words]
        source.write_text("\n".join(rows))
    for half in halve(read_benign(source, SETTINGS)):
        assert half[0] is not half[0]
        assert half[0].digest == half[0].digest
    (later,) = halve(read_benign(source, SETTINGS)).calibration[:1]
    assert later.image.size == (8, 8)


def test_as_many_large_pictures_are_asked_about_at_once_as_may_be_together() -> None:
    small, large = PICTURE, Image.new("RGB", (4000, 3000))
    queries = [Query(trigger="0001", image=one, prompt="?") for one in (large, large, large, small)]
    assert [len(some) for some in at_once(queries)] == [2, 2]
    assert [len(some) for some in at_once(benign(70))] == [32, 32, 6]


def test_halves_share_no_picture_and_lose_none() -> None:
    queries = [*benign(20, "What?"), *benign(20, "Where?")]
    one, other = halve(queries, seed=4)
    pictures = [{query.image.tobytes() for query in half} for half in (one, other)]
    assert not pictures[0] & pictures[1]
    assert len(one) == len(other) == 20
    assert halve(queries, seed=4) == (one, other)
    assert halve(queries, seed=5) != (one, other)


def test_one_picture_makes_no_two_halves() -> None:
    with pytest.raises(UsageError, match="two or more different pictures"):
        halve(benign(1) * 5)
