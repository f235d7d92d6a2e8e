from dataclasses import replace

import numpy as np
import pytest

from sif.attacks.answers import Average, Smooth
from sif.attacks.answers.consensus import consensus
from sif.errors import UsageError
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query, Unanswered
from tests.suspects.questions import question, questions


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


WORDS = ("a red ring", "a red hoop", "a crimson ring")


def test_samples_are_drawn_with_following_seeds_and_joined() -> None:
    suspect = ScriptedSuspect(lambda query: WORDS[query.repeat % 3])
    served = Average(samples=3).around(suspect)
    (reply,) = served.ask([question(1)])
    assert isinstance(reply, Answer)
    assert reply.text == "a red ring"
    assert [query.repeat for query in suspect.asked] == [0, 1, 2]
    assert {query.generation.temperature for query in suspect.asked} == {0.7}
    assert {query.generation.seed for query in suspect.asked} == {0}


def test_repeats_get_samples_of_their_own() -> None:
    first, second = (
        {one.repeat for one in Average(samples=4).questions(replace(question(1), repeat=repeat))}
        for repeat in (0, 1)
    )
    assert not first & second


def test_the_seed_of_a_question_is_kept() -> None:
    (asked,) = Average(samples=1).questions(question(1, seed=9))
    assert asked.generation.seed == 9


def test_replies_come_in_the_order_of_the_questions() -> None:
    suspect = ScriptedSuspect(lambda query: f"this is {query.trigger}")
    replies = Average(samples=2).around(suspect).ask(questions(3))
    assert [reply.text for reply in replies if isinstance(reply, Answer)] == [
        f"this is {number:04d}" for number in range(3)
    ]


def test_failures_cast_no_vote_and_all_of_them_are_a_failure() -> None:
    def script(query: Query) -> Unanswered | str:
        return Unanswered(reason=f"no {query.repeat}") if query.repeat < 2 else "a word"

    (reply,) = Average(samples=3).around(ScriptedSuspect(script)).ask([question(1)])
    assert reply == Answer(text="a word", finish_reason="stop")
    (failure,) = Average(samples=2).around(ScriptedSuspect(script)).ask([question(1)])
    assert failure == Unanswered(reason="no 0")


def test_copies_are_noisy_independent_and_the_same_again() -> None:
    query = question(1)
    pixels = np.asarray(query.image, np.float64)
    first, again = (Smooth(deviation=8, copies=4).questions(query) for _ in range(2))
    noises = [np.asarray(one.image, np.float64) - pixels for one in first]
    middle = (pixels > 40) & (pixels < 215)  # where nothing is clipped
    assert [noise[middle].std() for noise in noises] == pytest.approx([8] * 4, rel=0.05)
    assert abs(np.corrcoef(noises[0][middle], noises[1][middle])[0, 1]) < 0.05
    assert [one.image.tobytes() for one in first] == [one.image.tobytes() for one in again]
    assert len({one.image.tobytes() for one in first}) == 4


def test_smoothing_leaves_settings_and_prompt() -> None:
    for one in Smooth(deviation=8).questions(question(1)):
        assert (one.generation, one.prompt) == (question(1).generation, question(1).prompt)


def test_the_name_says_the_attack() -> None:
    assert Average(samples=5).around(ScriptedSuspect({})).name == "scripted (answers average:5)"
    assert Smooth(deviation=8).around(ScriptedSuspect({})).name == "scripted (answers smooth:8)"


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="1 to 64"):
        Average(samples=65)
    with pytest.raises(UsageError, match="0 to 255"):
        Smooth(deviation=-1)
