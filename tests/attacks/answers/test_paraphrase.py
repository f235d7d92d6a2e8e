"""Paraphrasing through a real HTTP server."""

from typing import Any

import pytest

from sif.attacks.answers import (
    AttackedAnswers,
    Paraphrase,
    Truncate,
    in_order,
    parse_answer_attacks,
)
from sif.errors import UsageError
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Unanswered
from tests.attacks.answers.texts import DESCRIPTION, QUERY
from tests.suspects.endpoint import Serve, completion, failure
from tests.suspects.questions import questions


def _shouting(number: int, body: dict[str, Any]) -> tuple[int, str]:
    text = body["messages"][0]["content"].split("<text>\n")[1].split("\n</text>")[0]
    return completion(f"Of course! <text>\n{text.upper()}\n</text> Anything else?")


def test_the_new_words_are_found_in_a_chatty_reply(serve: Serve) -> None:
    endpoint = serve(_shouting)
    assert Paraphrase(address=endpoint.uri).apply(DESCRIPTION, QUERY) == DESCRIPTION.upper()
    (body,) = endpoint.bodies
    assert body["model"] == "mini"
    assert body["temperature"] == 0
    assert DESCRIPTION in body["messages"][0]["content"]


def test_many_answers_are_paraphrased_at_a_time_and_keep_their_order(serve: Serve) -> None:
    endpoint = serve(_shouting)
    inner = ScriptedSuspect(lambda query: f"answer {query.trigger}", name="hf:m")
    suspect = AttackedAnswers(inner, Paraphrase(address=endpoint.uri))
    replies = suspect.ask(questions(6))
    assert replies == [
        Answer(text=f"ANSWER {number:04d}", finish_reason="stop") for number in range(6)
    ]
    assert suspect.name == f'hf:m (answers paraphrase:"{endpoint.uri}")'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("plain words", "plain words"),
        ("<text>cut off", "cut off"),
        ("  \n", None),
        ("<text> </text>", None),
        (None, None),
    ],
)
def test_a_reply_is_taken_as_it_can_be(
    content: str | None, words: str | None, serve: Serve
) -> None:
    endpoint = serve(lambda number, body: completion(content))
    outcome = Paraphrase(address=endpoint.uri).apply("x", QUERY)
    assert outcome == words if words else isinstance(outcome, Unanswered)


def test_a_passing_failure_is_tried_again(serve: Serve) -> None:
    endpoint = serve(
        lambda number, body: completion("new") if number == 2 else failure(503, "busy")
    )
    assert Paraphrase(address=endpoint.uri).apply("x", QUERY) == "new"
    assert len(endpoint.bodies) == 3


def test_a_lasting_failure_leaves_no_answer_and_says_why(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    endpoint = serve(lambda number, body: failure(500, "out of order sk-secret"))
    outcome = Paraphrase(address=f"{endpoint.uri}?attempts=2").apply("x", QUERY)
    assert isinstance(outcome, Unanswered)
    assert "not paraphrased: HTTP 500" in outcome.reason
    assert "sk-secret" not in outcome.reason
    assert len(endpoint.bodies) == 2


def test_nobody_there_leaves_no_answer_and_ends_a_chain() -> None:
    dead = Paraphrase(address="openai:http://127.0.0.1:9/v1#m?attempts=1")
    outcome = in_order([dead, Truncate(share=0.5)]).apply("x y", QUERY)
    assert isinstance(outcome, Unanswered)
    assert "nobody answers" in outcome.reason


def test_a_named_key_that_is_not_set_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTHER_KEY", raising=False)
    (attack,) = parse_answer_attacks(
        "paraphrase:openai:http://127.0.0.1:9/v1#m?key_env=OTHER_KEY&attempts=1"
    )
    assert isinstance(attack, Paraphrase)
    with pytest.raises(UsageError, match="OTHER_KEY"):
        attack.apply("x", QUERY)
