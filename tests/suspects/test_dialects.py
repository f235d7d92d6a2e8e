"""Parameters that an endpoint refuses: left out on its complaint, once, and never in silence."""

import logging
from pathlib import Path
from typing import Any

import pytest

from sif.errors import UsageError
from sif.http.refusal import names_in, words_of
from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.types import Answer, Unanswered
from tests.suspects.endpoint import Response, Serve, completion, failure
from tests.suspects.questions import question, questions

SENT = ("top_k", "top_p", "seed", "temperature")


def _newest(number: int, body: dict[str, Any]) -> Response:
    """As the newest services: no temperature, and another name for the longest answer."""
    if body.get("temperature") not in (None, 1):
        return failure(400, "Unsupported value: 'temperature' does not support 0.0 with this model")
    if "max_tokens" in body:
        return failure(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'")
    return completion("yes")


def test_what_is_refused_is_left_out_of_all_further_questions_and_said_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = serve(_newest)
    suspect = connect(endpoint.uri)
    with caplog.at_level(logging.WARNING):
        replies = suspect.ask(questions(3)) + suspect.ask(questions(2))
    wanted = ("without temperature", "max_tokens as max_completion_tokens")
    assert [reply.concessions for reply in replies if isinstance(reply, Answer)] == [wanted] * 5
    assert len(endpoint.bodies) == 2 + 5
    assert endpoint.bodies[-1]["max_completion_tokens"] == 12
    assert endpoint.bodies[-1]["top_k"] == -1
    (said,) = [record.getMessage() for record in caplog.records]
    assert all(word in said for word in wanted)


def test_what_was_left_out_is_kept_with_the_answers(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(_newest)
    asked = questions(2)
    with Journal(tmp_path / "answers.sqlite") as journal:
        Journalled(connect(endpoint.uri), journal).ask(asked)
        (one, other) = Journalled(connect(endpoint.uri), journal).ask(asked)
    assert isinstance(one, Answer)
    assert isinstance(other, Answer)
    assert one.concessions == other.concessions != ()
    assert len(endpoint.bodies) == 2 + 2


def test_what_the_address_leaves_out_is_never_sent_and_is_part_of_the_name(serve: Serve) -> None:
    endpoint = serve(_newest)
    suspect = connect(endpoint.uri + "?omit=temperature,max_tokens")
    (reply,) = suspect.ask(questions(1))
    assert isinstance(reply, Answer)
    assert len(endpoint.bodies) == 1
    assert not {"temperature", "max_tokens", "max_completion_tokens"} & set(endpoint.bodies[0])
    assert suspect.name.endswith("#mini?omit=max_tokens,temperature")
    assert reply.concessions == ("without max_tokens", "without temperature")


def test_what_a_question_needs_is_left_out_only_by_the_address(serve: Serve) -> None:
    def script(number: int, body: dict[str, Any]) -> Response:
        return failure(400, "min_tokens: unknown") if "min_tokens" in body else completion("yes")

    endpoint = serve(script)
    (refused,) = connect(endpoint.uri + "?min_tokens=8").ask(questions(1))
    assert isinstance(refused, Unanswered)
    assert "asked with min_tokens" in refused.reason
    (reply,) = connect(endpoint.uri + "?min_tokens=8&omit=min_tokens").ask(questions(1))
    assert isinstance(reply, Answer)


def test_terms_that_brought_no_answer_are_forgotten(serve: Serve) -> None:
    def script(number: int, body: dict[str, Any]) -> Response:
        if number < 2:
            return failure(400, "bad picture, whatever the seed and temperature")
        return completion("yes")

    endpoint = serve(script)
    replies = connect(endpoint.uri + "?seed=3").ask(questions(2))
    assert isinstance(replies[-1], Answer)
    assert {"seed", "temperature"} - set(endpoint.bodies[1]) == {"seed", "temperature"}


@pytest.mark.parametrize(
    ("form", "name"),
    [("", "image/png"), ("?image=png", "image/png"), ("?image=jpeg", "image/jpeg")],
)
def test_pictures_change_their_format_only_where_the_user_allows_it(
    serve: Serve, form: str, name: str
) -> None:
    endpoint = serve(lambda number, body: completion("yes"))
    suspect = connect(endpoint.uri + form)
    suspect.ask([question(0)])
    url = endpoint.bodies[0]["messages"][0]["content"][0]["image_url"]["url"]
    assert url.startswith(f"data:{name};base64,")
    assert ("image=jpeg" in suspect.name) == (form == "?image=jpeg")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ('{"error": {"message": "seed?", "param": "top_p"}}', ("top_p",)),
        ('{"detail": [{"loc": ["body", "seed"], "input": {"temperature": 0}}]}', ("seed",)),
        ("\"[{'loc': ('body', 'top_k'), 'input': 'temperature'}]\"", ("top_k",)),
        ('{"error": "topK and topP are unknown"}', ("top_k", "top_p")),
        ('{"error": "set only one of temperature and top_p"}', ("top_p",)),
        ('{"error": "the seedling has a temperature-like top"}', ("temperature",)),
        ('{"error": "my_seed_2"}', ()),
        ("seed", ("seed",)),
        ("", ()),
        ("[" * 9000, ()),
    ],
)
def test_a_complaint_names_what_it_is_about(body: str, names: tuple[str, ...]) -> None:
    assert names_in(body, SENT) == names


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": {"message": "odd"}}', "odd"),
        ('{"error": "odd"}', "odd"),
        ('{"message": "odd"}', "odd"),
        ('[{"error": {"message": "odd"}}]', "odd"),
        ('{"detail": [{"loc": ["body", "seed"], "msg": "odd"}]}', "seed: odd"),
        ('{"errors": ["odd", "even"]}', "odd; even"),
        ('{"message": {"detail": "odd"}}', "odd"),
        ("<html>odd</html>", "<html>odd</html>"),
        ("{}", "{}"),
    ],
)
def test_the_words_of_a_refusal_are_found_in_any_shape(body: str, words: str) -> None:
    assert words_of(body) == words


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("OPENAI_API_KEY", "schlüssel-hunter2", "expected a key of plain ASCII"),
        ("OPENAI_API_KEY", "hunter2\nx: y", "expected a key of plain ASCII"),
        ("HTTP_PROXY", "pigeon://u:hunter2@h", "expected proxies such as"),
        ("HTTPS_PROXY", "http://h:99999999", "expected proxies such as"),
        ("ALL_PROXY", "http://[::zz", "expected proxies such as"),
        ("SSL_CERT_FILE", "/nowhere/at-all.pem", "expected certificates in PEM form"),
        ("SSL_CERT_FILE", __file__, "expected certificates in PEM form"),
    ],
)
def test_an_environment_that_cannot_be_used_is_a_usage_error_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=expected) as caught:
        connect("openai:http://127.0.0.1:9/v1#m")
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://h:99999/v1#m", "a port from 1 to 65535"),
        ("http://h:0/v1#m", "a port from 1 to 65535"),
        ("http://h:x/v1#m", "a port from 1 to 65535"),
        ("http://xn--zzzz99999999/v1#m", "a host name that can be looked up"),
        ("http://a..b/v1#m", "a host name in the URL"),
        ("http://" + "a" * 64 + ".com/v1#m", "a host name in the URL"),
        ("http://a b/v1#m", "a host name in the URL"),
        ("http://h%00/v1#m", "a host name in the URL"),
        ("http://999.1.1.1/v1#m", "a host name that can be looked up"),
        ("http://h/v1#m\udc80", "an address of whole letters"),
        ("http://h/v1\n#m", "an address of whole letters"),
        ("http://h/v1#m?timeout=inf", "option timeout"),
        ("http://h/v1#m?timeout=nan", "option timeout"),
        ("http://h/v1#m?temperature=inf", "option temperature"),
        ("http://h/v1#m?omit=everything", "option omit"),
        ("http://h/v1#m?image=gif", "option image"),
        ("http://h/v1#m?body_mb=0", "option body_mb"),
    ],
)
def test_an_address_to_which_nothing_can_be_sent_is_a_usage_error(uri: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        connect(f"openai:{uri}")
