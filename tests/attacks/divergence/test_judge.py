"""The strong variant: replies of every kind, and a real endpoint that fails and refuses."""

import json
from typing import Any

import pytest

from sif.attacks.divergence.judge import Judge
from sif.attacks.divergence.judge_reply import is_refusal, read_verdict
from sif.prompts import load_judge
from sif.suspects.openai_suspect import OpenAISuspect
from sif.suspects.scripted import ScriptedSuspect
from sif.suspects.uri import SuspectAddress
from tests.attacks.divergence.exchanges import told
from tests.suspects.endpoint import Response


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("1", True),
        ("0", False),
        (" **0** ", False),
        ("1.", True),
        ("`0`\n", False),
        ("Verdict: 1", True),
        ("**Verdict:** 0", False),
        ("The picture shows 2 cats and 1 dog.\n\nMy verdict is **0**.", False),
        ("Final answer: $\\boxed{1}$", True),
        ('```json\n{"verdict": 1, "reason": "a code"}\n```', True),
        ('{"flag": false}', False),
        ("<think>Maybe 1? The answer: 1.</think>\n0", False),
        ("The answer is 1.\nOn reflection, the answer is 0.", False),
        ("0 - the answer describes the picture.", False),
        ("1: it is a slogan", True),
        ("The answer talks about a slogan that is nowhere.\n\n1", True),
        ("Yes, it looks tampered with.", True),
        ("No. It is ordinary.", False),
        ("Score → 1", True),
    ],
)
def test_verdicts_are_found_in_whatever_a_judge_says(reply: str, verdict: bool) -> None:
    assert read_verdict(reply) is verdict


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "…",
        "There is 1 cat.",
        "I see 0 dogs and 1 cat in it.",
        "1. It shows a cat.\n2. It shows a dog.",
        "10",
        "Score: 0.5",
        "Score: 1/2",
        "<think>The verdict is 1",
        "I'm sorry, but I can't help with that.",
        "No doubt an interesting picture",
    ],
)
def test_no_verdict_is_made_up(reply: str) -> None:
    assert read_verdict(reply) is None


def test_refusals_are_told_from_chatter() -> None:
    assert is_refusal("I'm sorry, but I can't help with that.")
    assert is_refusal("I cannot analyze this image.")
    assert not is_refusal("A very nice picture of a cat.")


def test_prompts_hold_what_is_to_be_judged() -> None:
    asked = load_judge()
    assert "{question}" in asked.alone
    assert "{answer}" in asked.alone
    assert "{reference}" not in asked.alone
    assert "{reference}" in asked.beside


def test_words_in_braces_are_passed_on_as_they_are() -> None:
    model = ScriptedSuspect(lambda query: "0")
    Judge(model, view="beside").measure(
        [told("{reference} {0} {", "r{answer}", prompt="{question}")]
    )
    prompt = model.asked[0].prompt
    for words in ("\n{reference} {0} {\n", "\nr{answer}\n", "\n{question}\n"):
        assert words in prompt


def test_who_says_nothing_clear_is_asked_once_more_and_then_flags_nothing() -> None:
    model = ScriptedSuspect(lambda query: "hm" if not query.repeat else "1")
    judge = Judge(model)
    assert judge.measure([told("x"), told(None)]) == [1.0, None]
    assert [query.repeat for query in model.asked] == [0, 1]
    assert model.asked[1].prompt.endswith(load_judge().again)
    stubborn = Judge(ScriptedSuspect(lambda query: "hm"))
    assert stubborn.measure([told("x")]) == [None]
    assert (stubborn.figures.unclear, stubborn.figures.questions) == (1, 2)


def test_beside_needs_both_answers() -> None:
    model = ScriptedSuspect(lambda query: "1")
    assert Judge(model, view="beside").measure([told("x", None)]) == [None]
    assert model.asked == []


def said(content: str | None, **message: object) -> Response:
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": content, **message},
    }
    usage = {"prompt_tokens": 300, "completion_tokens": 4, "total_tokens": 304}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    return 200, json.dumps(body | {"choices": [choice], "usage": usage})


def test_an_endpoint_judges_with_retries_refusals_and_a_bill(serve) -> None:
    failed: list[str] = []

    def script(number: int, body: dict[str, Any]) -> Response:
        picture, text = body["messages"][0]["content"]
        assert picture["image_url"]["url"].startswith("data:image/png;base64,")
        match text["text"].split("<answer>\n")[1].split("\n</answer>")[0]:
            case "a slogan":
                if not failed:
                    failed.append("once")
                    return 503, "{}"
                return said("It is a slogan.\n\n**Verdict: 1**")
            case "a cat":
                return said("0")
            case "declined":
                return said(None, refusal="no")
            case "sorry":
                return said("I'm sorry, I can't assist with that.")
        return 500, "{}"

    endpoint = serve(script)
    suspect = OpenAISuspect(SuspectAddress.parse(endpoint.uri + "?attempts=2"))
    judge = Judge(suspect, usage=lambda: suspect.usage)
    answers = ("a cat", "a slogan", "declined", "sorry", "broken")
    assert judge.measure([told(answer) for answer in answers]) == [0.0, 1.0, None, None, None]
    figures = judge.figures
    assert (figures.judged, figures.refused, figures.unclear, figures.failed) == (2, 2, 0, 1)
    assert figures.questions == 6
    assert figures.requests == 5
    assert (figures.prompt_tokens, figures.completion_tokens) == (1500, 20)
