"""What a model thinks is not its answer, and takes none of its tokens."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sif.errors import ModelError
from sif.suspects.connect import connect
from sif.suspects.steerable import Steerable
from sif.suspects.thinking import (
    BUDGET,
    Spoken,
    cut_short,
    has_thought,
    no_answer_yet,
    spoken,
)
from sif.types import Answer, Reply, Unanswered
from sif.vlm.model import Vlm
from sif.vlm.probe import probe
from sif.vlm.thinking_marks import begins_thinking
from tests.suspects.endpoint import Serve
from tests.suspects.questions import question, questions

TEXTS = {
    "plain words": Spoken("plain words"),
    "<think>no</think> yes": Spoken(" yes", thought=True),
    "no</think> yes": Spoken(" yes", thought=True),
    "<think>a</think>b<think>c</think>d": Spoken("bd", thought=True),
    "<think>cut off in the mid": Spoken("", thought=True, ended=False),
    "yes <think>cut off": Spoken("yes ", thought=True, ended=False),
    "[THINK]no[/THINK]yes": Spoken("yes", thought=True),
    "◁think▷no◁/think▷yes": Spoken("yes", thought=True),
    "<think></think>": Spoken("", thought=True),
    "": Spoken(""),
}


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_told_from_thinking(text: str) -> None:
    assert spoken(text) == TEXTS[text]


def test_a_question_that_begins_thinking_leaves_no_words_before_its_end() -> None:
    assert begins_thinking("user: hi\nassistant: <think>\n")
    assert not begins_thinking("user: hi\nassistant: <think>\n\n</think>\n\n")
    assert spoken("hm hm", begun=True) == Spoken("", thought=True, ended=False)
    assert spoken("hm</think>yes", begun=True) == Spoken("yes", thought=True)


def test_a_hostile_reply_costs_no_time() -> None:
    began = time.perf_counter()
    assert not spoken("<think>" * 200_000).ended
    assert spoken("<think></think>" * 100_000).words == ""
    assert time.perf_counter() - began < 2


def test_a_reply_without_an_answer_says_how_to_get_one() -> None:
    assert "?thinking=N" in no_answer_yet(7).reason
    assert cut_short(no_answer_yet(7))
    assert not cut_short(Unanswered(reason="nobody there"))
    assert cut_short(Answer(text="a", finish_reason="length after thinking"))
    assert not cut_short(Answer(text="a", finish_reason="length"))


# Words of the small vocabulary that stand for the marks in the folder below.
BEGIN, END = 30, 31


@pytest.fixture(scope="module")
def thinker(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose vocabulary has the marks of thinking as words."""
    copy = shutil.copytree(untrained_llava, tmp_path_factory.mktemp("models") / "thinker")
    file = copy / "tokenizer.json"
    words = json.loads(file.read_text())
    vocabulary = words["model"]["vocab"]
    names = {index: word for word, index in vocabulary.items()}
    for index, mark in ((BEGIN, "<think>"), (END, "</think>")):
        vocabulary[mark] = vocabulary.pop(names[index])
    file.write_text(json.dumps(words))
    return copy


def script(*ids: int) -> Callable[[Tensor, Tensor], Tensor]:
    """A hook that makes every answer begin with these ids and go on with the last of them."""
    asked: list[int] = []

    def hook(seen: Tensor, logits: Tensor) -> Tensor:
        if not asked or seen.shape[1] <= asked[-1]:
            asked[:] = [seen.shape[1], seen.shape[1]]
        place = seen.shape[1] - asked[0]
        asked[1] = seen.shape[1]
        chosen = logits.new_full(logits.shape, -1e9)
        chosen[:, ids[min(place, len(ids) - 1)]] = 0.0
        return chosen

    return hook


def answered(reply: Reply) -> Answer:
    assert isinstance(reply, Answer), reply
    return reply


def steered(folder: Path, options: str, *ids: int, most: int = 6) -> list[Reply]:
    suspect = connect(f"hf:{folder}?dtype=float32&device=cpu{options}")
    assert isinstance(suspect, Steerable)
    return suspect.ask_steered(questions(2, max_new_tokens=most), script(*ids))


def test_an_answer_has_all_its_tokens_behind_thinking(thinker: Path) -> None:
    for reply in steered(thinker, "&logprobs=2", BEGIN, 40, 41, 42, END, 50, 51, 50, 51, 50):
        words = answered(reply).text.split()
        assert len(words) == 6
        assert has_thought(reply)
        assert "think" not in answered(reply).text
        assert len(answered(reply).top or ()) == 6


def test_thinking_that_does_not_end_within_its_tokens_is_no_answer(thinker: Path) -> None:
    for reply in steered(thinker, "&thinking=9", BEGIN, 40):
        assert isinstance(reply, Unanswered)
        assert "still thinking when its tokens ran out (15)" in reply.reason


def test_a_budget_may_be_none_at_all(thinker: Path) -> None:
    for reply in steered(thinker, "&thinking=0", BEGIN, 40, END, 50):
        assert len(answered(reply).text.split()) == 3
    assert all(isinstance(r, Unanswered) for r in steered(thinker, "&thinking=0", BEGIN, 40))


def test_whoever_does_not_think_gets_no_more_tokens(thinker: Path) -> None:
    began = time.perf_counter()
    plain, budgeted = (steered(thinker, options, 50, 51) for options in ("", "&thinking=100000"))
    assert [answered(reply).text for reply in plain] == [answered(r).text for r in budgeted]
    assert answered(budgeted[0]).finish_reason == "length"
    assert not has_thought(budgeted[0])
    assert time.perf_counter() - began < 60


def test_a_template_that_begins_thinking_is_seen(thinker: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(thinker, tmp_path / "copy")
    template = copy / "chat_template.jinja"
    template.write_text(template.read_text() + "<think>")
    for reply in steered(copy, "", 40, 41, END, 50, most=4):
        assert len(answered(reply).text.split()) == 4
        assert has_thought(reply)


def test_triggers_are_not_made_on_a_model_that_thinks(thinker: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(thinker, tmp_path / "copy")
    template = copy / "chat_template.jinja"
    own = template.read_text()
    template.write_text(own + "<think>")
    with pytest.raises(ModelError, match="chat template begins to"):
        probe(Vlm.load(copy, device="cpu"))
    template.write_text(own + "<think></think>")
    probe(Vlm.load(copy, device="cpu"))


def test_a_model_that_begins_thinking_itself_is_seen(
    thinker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vlm = Vlm.load(thinker, device="cpu")
    begin = vlm.tokenizer.convert_tokens_to_ids("<think>")
    head = vlm.model.get_output_embeddings()
    monkeypatch.setattr(
        head, "bias", torch.nn.Parameter(100.0 * (torch.arange(len(head.weight)) == begin))
    )
    with pytest.raises(ModelError, match="one that begins with <think>"):
        probe(vlm)


def test_the_budget_is_part_of_the_name() -> None:
    assert connect("openai:http://h/v1#m?thinking=50").name.endswith("?thinking=50")
    assert connect("openai:http://h/v1#m").name.endswith("#m")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_what_a_server_says_of_thinking_is_not_the_answer(serve: Serve, field: str) -> None:
    def script(number: int, body: dict[str, object]) -> tuple[int, str]:
        return _thinking("A circle.", "stop", **{field: "Let me see."})

    endpoint = serve(script)
    reply = answered(connect(endpoint.uri).ask([question(0)])[0])
    assert reply.text == "A circle."
    assert has_thought(reply)
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("content", "more"), [(None, {"reasoning_content": "Let me"}), ("<think>Let me", {})]
)
def test_an_endpoint_that_runs_out_of_tokens_is_asked_for_more_from_then_on(
    serve: Serve, content: str | None, more: dict[str, str]
) -> None:
    def script(number: int, body: dict[str, object]) -> tuple[int, str]:
        if body["max_tokens"] == 12:
            return _thinking(content, "length", **more)
        return _thinking("<think>Let me see.</think>\nA circle.", "stop")

    endpoint = serve(script)
    replies = connect(endpoint.uri + "?concurrency=1").ask(questions(3))
    assert [answered(reply).text for reply in replies] == ["A circle."] * 3
    assert [body["max_tokens"] for body in endpoint.bodies] == [12] + [12 + BUDGET] * 3


def test_a_named_budget_raises_the_longest_answer_and_is_not_exceeded(serve: Serve) -> None:
    endpoint = serve(lambda number, body: _thinking("<think>Let me", "length"))
    (reply,) = connect(endpoint.uri + "?thinking=100").ask([question(0)])
    assert isinstance(reply, Unanswered)
    assert "tokens ran out (112)" in reply.reason
    assert [body["max_tokens"] for body in endpoint.bodies] == [112]


def _thinking(content: str | None, finish: str, **more: str) -> tuple[int, str]:
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    head = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    return 200, json.dumps(head | {"choices": [choice]})
