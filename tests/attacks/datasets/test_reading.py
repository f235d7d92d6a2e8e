"""What people bring: each form gives the right pairs, or one line that says what is wrong."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from sif.attacks.datasets import read_pairs
from sif.attacks.divergence.benign_traffic import read_benign
from sif.attacks.weights.examples import load_examples
from sif.errors import UsageError
from sif.prompts import load
from sif.types import GenerationSettings
from tests.attacks.datasets.sets import (
    ANSWER,
    BAD,
    COCO,
    GOOD,
    MESSAGES,
    PICTURE,
    PLAIN,
    PNG,
    PROMPT,
    TEXTS,
    TURNS,
    lines,
    room_in,
    table,
    with_fields,
)
from tests.cli.command import Run, assert_one_line


@pytest.fixture
def room(tmp_path: Path) -> Path:
    return room_in(tmp_path)


@pytest.mark.parametrize("name", GOOD)
def test_every_form_gives_the_same_example(room: Path, name: str) -> None:
    (room / name).write_bytes(GOOD[name])
    (example,) = load_examples(room / name)
    assert example.prompt.replace("<image>", "").strip() == PROMPT
    assert example.answer == ANSWER
    assert example.picture().tobytes() == PICTURE.tobytes()
    (query,) = read_benign(room / name, GenerationSettings())
    assert query.prompt == PROMPT
    assert query.image.tobytes() == PICTURE.tobytes()


@pytest.mark.parametrize("name", TEXTS)
def test_texts_stay_as_they_were_written(room: Path, name: str) -> None:
    data, answer = TEXTS[name]
    (room / name).write_bytes(data)
    (example,) = load_examples(room / name)
    assert example.answer == answer


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line_with_its_place(sif: Run, room: Path, name: str) -> None:
    data, words = BAD[name]
    (room / name).write_bytes(data)
    code, _, error = sif("thief", room / "model", "--out", room / "out", "--finetune", room / name)
    assert code == 2
    assert_one_line(error, name, *words)
    (line,) = (line for line in error.splitlines() if line.startswith("error: "))
    assert line.isprintable()
    assert len(line) < 500 + len(str(room))
    assert not (room / "out").exists()


def test_captions_are_asked_for_with_ordinary_prompts_in_turn(room: Path) -> None:
    said = [{"image_id": 1, "caption": f"caption {number}"} for number in range(3)]
    (room / "coco.json").write_text(json.dumps(COCO | {"annotations": said}))
    examples = load_examples(room / "coco.json")
    assert [example.answer for example in examples] == [one["caption"] for one in said]
    assert [example.prompt for example in examples] == list(load()[:3])
    benign = read_pairs(room / "coco.json", answers=False)
    assert [(pair.prompt, pair.answer) for pair in benign] == [(one, None) for one in load()[:3]]


def test_the_list_beside_a_folder_of_pictures_is_read_as_captions(room: Path) -> None:
    """As the Hugging Face hub has it: metadata.jsonl."""
    (room / "metadata.jsonl").write_bytes(lines({"file_name": "img/a.png", "text": ANSWER}))
    (example,) = load_examples(room / "metadata.jsonl")
    assert (example.prompt, example.answer) == (load()[0], ANSWER)


def test_pictures_of_coco_lie_in_the_folder_of_their_split(tmp_path: Path) -> None:
    for name in ("annotations", "val2017"):
        (tmp_path / name).mkdir()
    (tmp_path / "val2017" / "1.png").write_bytes(PNG)
    file = tmp_path / "annotations" / "captions_val2017.json"
    images = [{"id": 1, "file_name": "1.png"}]
    file.write_text(json.dumps({"images": images, "annotations": COCO["annotations"]}))
    (example,) = load_examples(file)
    assert example.picture().tobytes() == PICTURE.tobytes()


def test_every_answer_of_a_conversation_is_an_example_of_its_own(
    room: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turns = [
        {"from": "system", "value": "Be brief."},
        *TURNS,
        {"from": "human", "value": "Really?"},
        {"from": "human", "value": "Say."},
        {"from": "gpt", "value": "Yes."},
        {"from": "gpt", "value": "Really."},
        {"from": "human", "value": "unanswered"},
    ]
    (room / "d.jsonl").write_bytes(lines({"image": "img/a.png", "conversations": turns}))
    pairs = read_pairs(room / "d.jsonl", answers=True)
    assert [(pair.prompt, pair.answer) for pair in pairs] == [
        (f"<image>\n{PROMPT}", ANSWER),
        ("Really?\nSay.", "Yes.\nReally."),
    ]
    assert "1 records have several answers" in caplog.text
    asked = read_pairs(room / "d.jsonl", answers=False)
    assert [pair.prompt for pair in asked][-1] == "unanswered"


def test_words_alone_and_several_pictures_are_passed_over_with_a_count(
    room: Path, caplog: pytest.LogCaptureFixture
) -> None:
    several = {"messages": MESSAGES, "images": ["img/a.png", "img/a.png"]}
    alone = [{"prompt": "a", "answer": "b"}, with_fields(image=None), {"conversations": TURNS}]
    (room / "d.jsonl").write_bytes(lines(PLAIN, *alone, several, PLAIN))
    assert len(load_examples(room / "d.jsonl")) == 2
    assert (
        "4 of 6 records passed over (3 without a picture, 1 with several pictures)" in caplog.text
    )


def test_a_folder_of_parquet_files_is_one_set(room: Path) -> None:
    for number in range(2):
        rows = [{"image": {"bytes": PNG}, "prompt": str(number), "answer": "x"}]
        (room / f"{number}.parquet").write_bytes(table(rows))
    assert [example.prompt for example in load_examples(room)] == ["0", "1"]


def test_a_prompt_of_nothing_but_a_placeholder_cannot_be_asked(
    room: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (room / "d.jsonl").write_bytes(lines(PLAIN, with_fields(prompt="<image>\nWhat?")))
    assert [query.prompt for query in read_benign(room / "d.jsonl", GenerationSettings())] == [
        PROMPT,
        "What?",
    ]
    assert "1 of 2 prompts hold what stands for a picture" in caplog.text
    (room / "d.jsonl").write_bytes(lines(PLAIN, with_fields(prompt="<image>")))
    with pytest.raises(UsageError, match="line 2: expected a prompt in words"):
        read_benign(room / "d.jsonl", GenerationSettings())


def test_mutated_files_are_read_or_refused_in_a_sentence(room: Path) -> None:
    logging.getLogger("sif").setLevel(logging.ERROR)
    rng = np.random.default_rng(7)
    for name, source in GOOD.items():
        for _ in range(12):
            data = np.frombuffer(source, np.uint8).copy()
            places = rng.integers(0, len(data), 4)
            data[places] = rng.integers(0, 256, 4)
            (room / name).write_bytes(data.tobytes())
            try:
                read_pairs(room / name, answers=bool(rng.integers(2)))
            except UsageError as error:
                assert str(error).isprintable()
    logging.getLogger("sif").setLevel(logging.NOTSET)
