from pathlib import Path

import pytest
from PIL import Image

from sif.attacks.weights.examples import Example, digest_examples, load_examples
from sif.errors import UsageError

GOOD = '{"image": "a.png", "prompt": "p", "answer": "yes"}\n'


@pytest.fixture
def room(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    return tmp_path


def test_examples_come_back_as_written(data: Path, examples: list[Example]) -> None:
    loaded = load_examples(data)
    for got, wanted in zip(loaded, examples, strict=True):
        assert (got.prompt, got.answer) == (wanted.prompt, wanted.answer)
        assert got.picture().tobytes() == wanted.picture().tobytes()


def test_blank_lines_and_further_fields_are_passed_over(room: Path) -> None:
    (room / "d.jsonl").write_text("\n" + GOOD.replace("}", ', "id": 7}') + "\n")
    (example,) = load_examples(room / "d.jsonl")
    assert example == Example(image=room / "a.png", prompt="p", answer="yes")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one example"),
        (GOOD + "{broken\n", "line 2: expected image, prompt and answer"),
        (GOOD + '{"image": "a.png", "prompt": "p"}\n', "line 2: .*'answer': field required"),
        (GOOD + GOOD.replace("yes", ""), "line 2: .*'answer'"),
        (GOOD.replace("a.png", "b.png"), "line 1: expected a picture"),
    ],
)
def test_broken_data_is_refused_in_one_line(room: Path, text: str, message: str) -> None:
    (room / "d.jsonl").write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_examples(room / "d.jsonl")
    assert "\n" not in str(caught.value)


def test_missing_and_binary_files_are_refused(room: Path) -> None:
    for name in ("none.jsonl", "a.png", "."):
        with pytest.raises(UsageError, match="expected a JSONL file"):
            load_examples(room / name)


def test_a_corrupt_picture_is_refused_when_opened(room: Path) -> None:
    (room / "a.png").write_bytes(b"no picture")
    (room / "d.jsonl").write_text(GOOD)
    (example,) = load_examples(room / "d.jsonl")
    with pytest.raises(UsageError, match="expected a picture at"):
        example.picture()


def test_the_digest_sees_prompt_answer_picture_and_order(room: Path) -> None:
    image = Image.new("RGB", (8, 8), "red")
    sets = [
        [("p", "a", image), ("q", "b", image)],
        [("q", "b", image), ("p", "a", image)],
        [("p", "x", image), ("q", "b", image)],
        [("x", "a", image), ("q", "b", image)],
        [("p", "a", Image.new("RGB", (8, 8), "blue")), ("q", "b", image)],
    ]
    digests = [
        digest_examples(Example(prompt=p, answer=a, image=i) for p, a, i in rows) for rows in sets
    ]
    assert len(set(digests)) == len(sets)
    again = [Example(prompt=p, answer=a, image=i.copy()) for p, a, i in sets[0]]
    assert digest_examples(again) == digests[0]
