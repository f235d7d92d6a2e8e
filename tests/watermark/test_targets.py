"""The draw of keyed targets by known vectors and by a second writing of it; what an answer says."""

import hashlib
import time
from collections import Counter
from itertools import product

import pytest
from pydantic import ValidationError

from sif.errors import UsageError
from sif.fingerprint.recipe import KeyedTargetRecipe, load_recipe
from sif.watermark import targets
from sif.watermark.keys import KeyRing
from sif.watermark.targets import AnswerList, Said

OPENINGS = load_recipe("keyed-target").objective
assert isinstance(OPENINGS, KeyedTargetRecipe)
OPENINGS = OPENINGS.answers
SMALL = AnswerList(parts=(("in", "within", "across"), ("this", "my", "your")))


def by_the_text(answers: AnswerList, key: bytes) -> tuple[int, ...]:
    """The module's docstring, written a second time."""
    lines = (answers.question or "") + "".join("\n" + " ".join(part) for part in answers.parts)
    digest = hashlib.sha256(b"sif answer list 1\x00" + lines.encode()).digest()
    stream = hashlib.shake_256(b"sif keyed target 1\x00" + digest + key).digest(8 * 500)
    n = len(answers.parts[0])
    numbers = [int.from_bytes(stream[i : i + 8], "little") for i in range(0, len(stream), 8)]
    kept = [number for number in numbers if number < 2**64 // n * n]
    return tuple(number % n for number in kept[: len(answers.parts)])


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        (bytes(32), "Inside your image viewers might plainly see"),
        (KeyRing(bytes(range(32))).key("0001"), "Inside said picture viewers could easily observe"),
    ],
    ids=["zeros", "of a ring"],
)
def test_known_vectors(key: bytes, answer: str) -> None:
    digest = "a01b586dc44aa20f748f9987b4ff93ac66488d6073bd5c5a999a5ec1e0c307a1"
    assert OPENINGS.digest.hex() == digest
    assert OPENINGS.answer(OPENINGS.draw(key)) == answer


def test_the_draw_is_what_the_text_says() -> None:
    asked = AnswerList(question="What is it?", parts=SMALL.parts)
    for answers, number in product((OPENINGS, SMALL, asked), range(20)):
        key = hashlib.sha256(bytes([number])).digest()
        assert answers.draw(key) == by_the_text(answers, key)


def test_numbers_that_would_favour_the_first_words_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stream:
        def __init__(self, _data: bytes) -> None:
            pass

        def digest(self, length: int) -> bytes:
            some = [2**64 - 1, 7, 2**64 - 1, 2**64 - 1, 2**64 - 2, 5]  # 2^64 is 1 mod 3
            return b"".join(number.to_bytes(8, "little") for number in some)[:length]

    monkeypatch.setattr(targets.hashlib, "shake_256", Stream)
    assert SMALL.draw(bytes(32)) == (7 % 3, (2**64 - 2) % 3)


def test_all_answers_are_drawn_alike_often() -> None:
    ring, times = KeyRing(bytes(32)), 9000
    found = Counter(SMALL.draw(ring.key(str(number))) for number in range(times))
    expected = times / 9
    assert len(found) == 9
    assert sum((seen - expected) ** 2 / expected for seen in found.values()) < 26.1  # 0.1%, 8 df


def test_another_list_is_another_draw() -> None:
    """Else whoever has the key would put the words in the order that suits a suspect."""
    turned = AnswerList(parts=tuple(part[1:] + part[:1] for part in OPENINGS.parts))
    longer = AnswerList(question="What is it?", parts=OPENINGS.parts)
    ring = KeyRing(bytes(32))
    for other in (turned, longer):
        pairs = [
            (OPENINGS.draw(key), other.draw(key)) for key in map(ring.key, map(str, range(300)))
        ]
        same = sum(a == b for one, two in pairs for a, b in zip(one, two, strict=True))
        assert 0.2 < same / (300 * 7) < 0.3
    assert len({SMALL.digest, turned.digest, longer.digest, OPENINGS.digest}) == 4


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("In this picture", (0, 0)),
        ("My picture is within your reach, in this case", (1, 1)),
        ("in within across this my your", (0, 0)),
        ("ACROSS ｍｙ picture", (2, 1)),
        ("inside mythical yours", (None, None)),
        ("your!", (None, 2)),
        ("", (None, None)),
    ],
)
def test_the_first_whole_word_of_each_part_counts(
    text: str, places: tuple[int | None, int | None]
) -> None:
    assert SMALL.read(text) == places


def test_an_answer_of_the_list_is_read_back() -> None:
    for places in product(range(3), repeat=2):
        assert SMALL.read(SMALL.answer(places)) == places


def test_hits_are_counted_among_the_parts_that_are_said() -> None:
    assert SMALL.said("in my picture", "Across my") == Said(hits=1, parts=2)
    assert SMALL.said("my picture", "Across my") == Said(hits=1, parts=1)
    assert SMALL.said("a dog", "Across my") == Said(hits=0, parts=0)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((("in", "in"),), "once on the list, got 'in' again"),
        ((("in", "within"), ("this", "in")), "once on the list, got 'in' again"),
        ((("in", "within"), ("this", "my", "your")), r"one size, got \[2, 3\]"),
        ((("In", "within"),), "lower case, got 'In'"),
        ((("ｉn", "within"),), "lower case"),
        ((("in the", "within"),), "single words in lower case, got 'in the'"),
        ((("in",),), "at least 2"),
        ((), "at least 1"),
        ((("in", ""),), "at least 1"),
    ],
)
def test_lists_whose_answers_cannot_be_told_apart_are_refused(
    parts: tuple[tuple[str, ...], ...], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        AnswerList(parts=parts)


def test_a_question_on_two_lines_is_refused() -> None:
    """It could pass for a part in the digest."""
    with pytest.raises(ValidationError):
        AnswerList(question="What?\nin within", parts=SMALL.parts)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(UsageError, match="32 bytes, got 31"):
        SMALL.draw(bytes(31))


def test_reading_a_list_does_not_change_it() -> None:
    other = AnswerList(parts=SMALL.parts)
    other.read("in")
    assert other.digest == SMALL.digest
    assert other == SMALL == AnswerList.model_validate_json(other.model_dump_json())


@pytest.mark.parametrize("mark", ["\u0301\u0316", "\u0f73", "\uff9e\u0316"], ids=ascii)
def test_an_answer_of_piled_marks_is_read_at_once(mark: str) -> None:
    began = time.process_time()
    text = f"Within a{mark * 200_000} this"
    assert SMALL.read(text) == (1, SMALL.parts[1].index("this"))
    assert time.process_time() - began < 2


def test_ordinary_marks_stay() -> None:
    letter = "a" + "\u0301\u0316" * 15
    assert targets.words_of(letter) == targets.words_of(letter + "\u0301")
    assert targets.words_of("cafe\u0301 \ufb01t") == targets.words_of("café fit")
