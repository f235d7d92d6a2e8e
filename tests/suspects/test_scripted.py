"""The scripted suspect."""

from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Suspect, Unanswered
from tests.suspects.questions import questions


def test_it_is_a_suspect() -> None:
    assert isinstance(ScriptedSuspect({}), Suspect)


def test_a_table_answers_what_it_holds_and_nothing_else() -> None:
    suspect = ScriptedSuspect({"0000": "a red circle", "0001": Unanswered(reason="busy")})
    assert suspect.ask(questions(3)) == [
        Answer(text="a red circle", finish_reason="stop"),
        Unanswered(reason="busy"),
        Unanswered(reason="no reply is scripted for trigger 0002"),
    ]


def test_a_function_sees_each_query_and_all_are_remembered() -> None:
    suspect = ScriptedSuspect(lambda query: f"about {query.trigger}", name="echo")
    replies = suspect.ask(questions(2))
    assert replies == [
        Answer(text="about 0000", finish_reason="stop"),
        Answer(text="about 0001", finish_reason="stop"),
    ]
    assert [query.trigger for query in suspect.asked] == ["0000", "0001"]
    assert suspect.name == "echo"
