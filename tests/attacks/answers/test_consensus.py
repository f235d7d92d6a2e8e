import pytest

from sif.attacks.answers.consensus import consensus
from sif.errors import UsageError


def test_a_single_answer_stays() -> None:
    assert consensus(["a red  ring."]) == "a red ring."


def test_every_word_is_put_to_the_vote() -> None:
    answers = ["a red ring sits here", "a red hoop sits here", "a crimson ring rests here"]
    assert consensus(answers) == "a red ring sits here"
    mixed = ["a red hoop sits here", "a crimson ring sits there", "one red ring lies here"]
    assert consensus(mixed) in ("a red ring sits here",)


def test_the_typical_answer_gives_the_frame() -> None:
    answers = ["nothing like the others at all", "one two three four", "one two three five"]
    assert consensus(answers) == "one two three four"


def test_ties_are_the_typical_answers() -> None:
    assert consensus(["a b", "a c"]) == "a b"
    assert consensus(["a c", "a b"]) == "a c"


def test_more_and_fewer_words_cast_no_vote_elsewhere() -> None:
    assert consensus(["a b c d", "a b c d", "a b x y z c d"]) == "a b c d"


def test_empty_answers_are_joined_to_an_empty_one() -> None:
    assert consensus(["", ""]) == ""


def test_no_answers_are_refused() -> None:
    with pytest.raises(UsageError, match="got none"):
        consensus([])
