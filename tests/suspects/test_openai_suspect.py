"""Endpoints that fail in every way, as a real HTTP server."""

import asyncio
import base64
import io
import json
import logging
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sif.errors import SuspectError
from sif.suspects import openai_suspect
from sif.suspects.connect import connect
from sif.types import Answer, Reply, Unanswered
from tests.suspects.endpoint import Endpoint, Response, Serve, completion, failure
from tests.suspects.questions import question, questions


def _one(endpoint: Endpoint, options: str = "", **settings: float) -> Reply:
    return connect(endpoint.uri + options).ask([question(0, **settings)])[0]


def test_the_picture_arrives_without_loss_and_the_words_unchanged(serve: Serve) -> None:
    endpoint = serve(lambda number, body: completion(" A red circle. "))
    assert _one(endpoint).text == "A red circle."  # type: ignore[union-attr]
    picture, words = endpoint.bodies[0]["messages"][0]["content"]
    encoded = picture["image_url"]["url"].removeprefix("data:image/png;base64,")
    sent = Image.open(io.BytesIO(base64.b64decode(encoded)))
    assert np.array_equal(np.asarray(sent), np.asarray(question(0).image))
    assert words == {"type": "text", "text": "Describe the image in detail."}


def test_every_sampling_parameter_is_sent(serve: Serve) -> None:
    endpoint = serve(lambda number, body: completion("yes"))
    _one(endpoint, "?temperature=0.5&seed=4", top_p=0.9, repetition_penalty=1.1)
    body = endpoint.bodies[0]
    sent = {name: body[name] for name in body if name not in ("messages", "model")}
    assert sent == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 12,
        "seed": 4,
        "repetition_penalty": 1.1,
        "top_k": -1,
        "min_p": 0.0,
        "skip_special_tokens": True,
    }


def test_an_endpoint_that_takes_fewer_parameters_is_asked_with_fewer(serve: Serve) -> None:
    def strict(number: int, body: dict[str, Any]) -> Response:
        if "top_k" in body or "max_tokens" in body:
            return failure(400, "Unsupported parameter")
        return completion("yes")

    endpoint = serve(strict)
    replies = connect(endpoint.uri).ask(questions(3))
    assert all(isinstance(reply, Answer) for reply in replies)
    assert len(endpoint.bodies) == 2 + 3


def test_a_penalty_is_never_dropped_silently(serve: Serve) -> None:
    endpoint = serve(
        lambda number, body: (
            failure(400, "no penalty") if "repetition_penalty" in body else completion("yes")
        )
    )
    suspect = connect(endpoint.uri)
    plain, penal = suspect.ask([question(0), question(1, repetition_penalty=1.2)])
    assert isinstance(plain, Answer)
    assert penal == Unanswered(reason="the endpoint takes no repetition_penalty")


def test_a_shortest_answer_is_sent_to_engines_where_one_is_set(serve: Serve) -> None:
    endpoint = serve(lambda number, body: completion("yes"))
    _one(endpoint, "?min_tokens=8")
    _one(endpoint)
    assert endpoint.bodies[0]["min_tokens"] == 8
    assert "min_tokens" not in endpoint.bodies[1]


def test_a_shortest_answer_is_never_dropped_silently(serve: Serve) -> None:
    endpoint = serve(
        lambda number, body: failure(400, "unknown field") if "top_k" in body else completion("yes")
    )
    (reply,) = connect(endpoint.uri + "?min_tokens=8").ask(questions(1))
    assert isinstance(reply, Unanswered)
    assert reply.reason.startswith("HTTP 400: unknown field (asked with min_tokens, which")
    assert len(endpoint.bodies) == 1
    plain, forced = connect(endpoint.uri).ask([question(0), question(1, min_new_tokens=3)])
    assert isinstance(plain, Answer)
    assert forced == Unanswered(reason="the endpoint takes no min_tokens")


def test_order_is_kept_and_no_more_than_the_allowed_requests_run_at_once(serve: Serve) -> None:
    def slow(number: int, body: dict[str, Any]) -> Response:
        time.sleep(0.05 if number % 2 else 0.15)
        return completion(str(body["seed"]))

    endpoint = serve(slow)
    asked = [question(number, seed=number) for number in range(9)]
    replies = connect(endpoint.uri + "?concurrency=3").ask(asked)
    assert [reply.text for reply in replies if isinstance(reply, Answer)] == list("012345678")
    assert endpoint.crowd == 3


def test_a_passing_failure_is_tried_again(serve: Serve) -> None:
    endpoint = serve(
        lambda number, body: (
            failure((429, 503, 500)[number], "busy") if number < 3 else completion("yes")
        )
    )
    reply = _one(endpoint)
    assert isinstance(reply, Answer)
    assert len(endpoint.bodies) == 4


def test_a_lasting_failure_is_unanswered_after_the_allowed_attempts(serve: Serve) -> None:
    endpoint = serve(lambda number, body: failure(500, "out of order"))
    assert _one(endpoint, "?attempts=3") == Unanswered(reason="HTTP 500: out of order")
    assert len(endpoint.bodies) == 3


def test_an_endpoint_out_of_order_is_not_asked_every_question(serve: Serve) -> None:
    endpoint = serve(lambda number, body: failure(500, "out of order"))
    replies = connect(endpoint.uri + "?attempts=2").ask(questions(50))
    assert len(endpoint.bodies) == 2 * 3
    assert replies[2:4] == [
        Unanswered(reason="HTTP 500: out of order"),
        Unanswered(reason="not asked: the endpoint failed 3 times in a row"),
    ]
    assert len(replies) == 50


def test_a_slow_server_is_unanswered(serve: Serve) -> None:
    def sleepy(number: int, body: dict[str, Any]) -> Response:
        time.sleep(0.6)
        return completion("too late")

    endpoint = serve(sleepy)
    reply = _one(endpoint, "?timeout=0.2&attempts=2")
    assert reply == Unanswered(reason="no answer within the time limit")


def test_the_pause_that_a_server_asks_for_is_kept_within_reason(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_suspect, "LONGEST_PAUSE", 0.4)
    endpoint = serve(lambda number, body: completion("yes") if number else failure(429, "busy"))
    began = time.monotonic()
    assert isinstance(_one(endpoint), Answer)
    assert 0.4 <= time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (completion(""), "empty answer (finish reason: stop)"),
        (completion(None), "empty answer (finish reason: stop)"),
        (completion(" \n", "length"), "empty answer (finish reason: length)"),
        (completion("", "content_filter"), "withheld by the endpoint's content filter"),
        ((200, "{}"), "malformed reply: no choices in it"),
        ((200, '{"choices": []}'), "malformed reply: no choices in it"),
        ((200, '{"choices": [{"message": {"content": ["a"]}}]}'), "malformed reply: content is a"),
        ((200, '{"choices": 3}'), "malformed reply: no choices in it"),
        ((200, "[1, 2"), "malformed reply"),
        ((200, '"words"'), "malformed reply"),
        ((413, "too large"), "HTTP 413"),
    ],
)
def test_what_is_no_answer_is_a_value_with_its_reason(
    serve: Serve, response: Response, reason: str
) -> None:
    reply = _one(serve(lambda number, body: response), "?attempts=1")
    assert isinstance(reply, Unanswered)
    assert reply.reason.startswith(reason)


def test_lone_surrogates_do_not_get_through(serve: Serve) -> None:
    endpoint = serve(lambda number, body: completion("half \ud83d of it"))
    assert _one(endpoint).text == "half ? of it"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, "check the key in the environment variable OPENAI_API_KEY"),
        (403, "check the key in the environment variable OPENAI_API_KEY"),
        (404, "check the URL and that it serves a model called 'mini'"),
    ],
)
def test_what_cannot_be_mended_by_asking_raises_at_first_contact(
    serve: Serve, status: int, expected: str
) -> None:
    endpoint = serve(lambda number, body: failure(status, "no"))
    with pytest.raises(SuspectError, match=expected) as caught:
        _one(endpoint)
    assert "\n" not in str(caught.value)
    assert len(endpoint.bodies) == 1


def test_nobody_there_raises_in_one_line(serve: Serve) -> None:
    endpoint = serve(lambda number, body: completion("yes"))
    uri = endpoint.uri
    endpoint.shutdown()
    endpoint.server_close()
    with pytest.raises(SuspectError, match="nobody answers at http://127") as caught:
        connect(uri).ask(questions(2))
    assert "\n" not in str(caught.value)


def test_a_server_that_goes_away_later_leaves_the_answers_it_gave(serve: Serve) -> None:
    def dying(number: int, body: dict[str, Any]) -> Response:
        if number:
            return failure(401, "the key was withdrawn")
        return completion("yes")

    replies = connect(serve(dying).uri).ask(questions(2))
    assert isinstance(replies[0], Answer)
    assert replies[1] == Unanswered(reason="HTTP 401: the key was withdrawn")


def test_the_key_is_sent_and_shown_nowhere(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AUDIT_KEY", "sk-hunter2")
    endpoint = serve(lambda number, body: failure(401, "wrong key sk-hunter2 given"))
    suspect = connect(endpoint.uri + "?key_env=AUDIT_KEY")
    with caplog.at_level(logging.DEBUG), pytest.raises(SuspectError) as caught:
        suspect.ask([question(0)])
    assert endpoint.keys == ["Bearer sk-hunter2"]
    shown = [str(caught.value), suspect.name, repr(suspect), caplog.text]
    assert not any("hunter2" in text for text in shown)


KEY = "sk-Proj-0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    "response",
    [
        (200, json.dumps({"error": "y" * 185 + KEY})),
        (200, json.dumps({"message": "y" * 185 + KEY})),
        (200, "y" * 45 + KEY),
        (400, "y" * 185 + KEY),
        failure(500, KEY.upper()),
        completion("", "x" * 20 + KEY),
    ],
    ids=["error", "no choices", "no JSON", "refused", "failed", "finish reason"],
)
def test_a_key_that_is_cut_off_where_words_are_is_not_shown_either(
    response: Response, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_KEY", KEY)
    endpoint = serve(lambda number, body: response)
    (reply,) = connect(endpoint.uri + "?key_env=AUDIT_KEY&attempts=1").ask([question(0)])
    assert isinstance(reply, Unanswered)
    assert KEY[:8].lower() not in reply.reason.lower()
    assert "***" in reply.reason


def test_it_can_be_asked_from_within_a_running_event_loop(serve: Serve) -> None:
    suspect = connect(serve(lambda number, body: completion("yes")).uri)

    async def notebook() -> list[Reply]:
        return suspect.ask(questions(2))

    assert [type(reply) for reply in asyncio.run(notebook())] == [Answer, Answer]


def _with_top(places: object) -> Response:
    status, text = completion("a red circle")
    content = json.loads(text)
    content["choices"][0]["logprobs"] = {"content": places}
    return status, json.dumps(content)


def _place(token: str, chance: float, *others: tuple[str, float]) -> dict[str, Any]:
    top = [{"token": t, "logprob": p, "bytes": None} for t, p in ((token, chance), *others)]
    return {"token": token, "logprob": chance, "bytes": None, "top_logprobs": top}


def test_probabilities_are_asked_for_and_read(serve: Serve) -> None:
    places = [_place("a", -0.1), _place(" red", -0.5, (" blue", -2.0), (" green", -1.0))]
    endpoint = serve(lambda number, body: _with_top(places))
    reply = _one(endpoint, "?logprobs=3")
    assert isinstance(reply, Answer)
    assert reply.top == ((("a", -0.1),), ((" red", -0.5), (" green", -1.0), (" blue", -2.0)))
    assert (endpoint.bodies[0]["logprobs"], endpoint.bodies[0]["top_logprobs"]) == (True, 3)
    assert connect(endpoint.uri + "?logprobs=3").name.endswith("#mini?logprobs=3")


def test_probabilities_are_not_asked_for_otherwise(serve: Serve) -> None:
    endpoint = serve(lambda number, body: completion("a red circle"))
    reply = _one(endpoint)
    assert isinstance(reply, Answer)
    assert reply.top is None
    assert "logprobs" not in endpoint.bodies[0]


@pytest.mark.parametrize(
    "places",
    [None, [], "x", [{"token": "a", "logprob": -1.0}], [_place("a", 5.0)], [{"top_logprobs": 3}]],
)
def test_an_endpoint_that_gives_no_probabilities_still_answers(
    serve: Serve, places: object
) -> None:
    endpoint = serve(lambda number, body: _with_top(places))
    reply = _one(endpoint, "?logprobs=3")
    assert isinstance(reply, Answer)
    assert reply.top is None


def test_an_endpoint_that_refuses_them_is_said_to(serve: Serve) -> None:
    def script(number: int, body: dict[str, Any]) -> Response:
        return failure(400, "no such field") if "logprobs" in body else completion("red")

    reply = _one(serve(script), "?logprobs=20")
    assert isinstance(reply, Unanswered)
    assert "asked with logprobs" in reply.reason
