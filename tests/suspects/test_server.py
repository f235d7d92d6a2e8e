"""vLLM's server as a suspect behind HTTP: real processes, on untrained mini models."""

import shutil
import socket
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sif.errors import ModelError, SuspectError, UsageError
from sif.ownership.grey_box import OwnersIds
from sif.suspects.connect import connect
from sif.suspects.server import Serving, running_server, server_command
from sif.suspects.uri import SuspectAddress
from sif.types import Answer, Reply
from sif.vlm.folder import load_processor
from tests.suspects.questions import question, questions

pytest.importorskip("vllm")


def _listens(uri: str) -> bool:
    url = urlsplit(SuspectAddress.parse(uri).target)
    with socket.socket() as probe:
        return probe.connect_ex((url.hostname or "", url.port or 0)) == 0


def test_the_command_holds_the_context_of_the_model_and_one_picture(untrained_llava: Path) -> None:
    command = server_command(Serving(model=str(untrained_llava), port=18467))
    options = dict(pairwise(command))
    assert options["--max-model-len"] == "1024"
    assert options["--limit-mm-per-prompt"] == '{"image": 1, "video": 0}'
    assert options["--generation-config"] == "vllm"
    assert options["--served-model-name"] == "llava"


def test_further_options_take_the_place_of_what_is_set_for_this_machine(
    untrained_llava: Path, caplog: pytest.LogCaptureFixture
) -> None:
    further = ("--limit-mm-per-prompt", '{"image": 4}', "--generation_config=auto", "-tp", "2")
    serving = Serving(model=str(untrained_llava), port=18467, further=further)
    command = server_command(serving)
    assert command[-len(further) :] == list(further)
    assert command.count("--limit-mm-per-prompt") == 1
    assert "--generation-config" not in command
    said = caplog.text
    assert '--limit-mm-per-prompt takes the place of --limit-mm-per-prompt {"image": 1' in said
    assert "--generation_config takes the place of --generation-config vllm" in said
    assert said.count("takes the place") == 2


@pytest.mark.parametrize(
    ("further", "expected"),
    [
        (("--port", "9"), "expected --port before the --, got --port behind it"),
        (("--max_model_len=9",), "expected --max-model-len before the --, got --max_model_len"),
        (("--max-mod", "9"), "expected --max-model-len before the --, got --max-mod"),
        (("--seed", "1", "--model", "other"), "expected MODEL before the --, got --model"),
        (("--served-model-name", "x"), "expected --name before the --"),
        (("other",), "expected options of vLLM's server behind the model and --, .*got other"),
    ],
)
def test_what_has_an_option_of_ours_is_refused_behind_the_dashes(
    further: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        server_command(Serving(model="models/a", further=further))


def test_the_address_of_a_server_on_all_interfaces_is_that_of_this_machine() -> None:
    serving = Serving(model="models/a", host="0.0.0.0", port=9000)
    assert serving.uri == "openai:http://127.0.0.1:9000/v1#a"


def test_a_port_that_is_taken_is_a_usage_error(untrained_llava: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}.*choose another with --port"):
            server_command(Serving(model=str(untrained_llava), port=port))


def test_a_missing_model_is_found_before_a_server_is_started() -> None:
    with pytest.raises(ModelError, match="/nowhere/at-all"):
        server_command(Serving(model="/nowhere/at-all"))


def _texts(replies: list[Reply]) -> list[str]:
    assert all(isinstance(reply, Answer) for reply in replies), replies
    # An untrained model may begin with the second half of a word, which vLLM joins to the prompt.
    return [reply.text.removeprefix("##") for reply in replies if isinstance(reply, Answer)]


@pytest.mark.vllm
@pytest.mark.slow
def test_answers_through_http_equal_those_of_transformers(untrained_llava: Path) -> None:
    model = str(untrained_llava)
    with running_server(model, name="mini", dtype="float32", max_model_len=256) as uri:
        suspect = connect(uri)
        asked = [*questions(4), question(4, repetition_penalty=1.3)]
        replies = suspect.ask(asked)
        candid = connect(uri + "?logprobs=5").ask(asked[:4])
        with pytest.raises(SuspectError, match="serves a model called 'other'"):
            connect(uri.replace("#mini", "#other")).ask(asked)
    assert not _listens(uri)
    expected = connect(f"hf:{model}?dtype=float32").ask(asked)
    assert _texts(replies) == _texts(expected) == [*_texts(candid), *_texts(expected[4:])]
    _assert_same_ids(model, candid, connect(f"hf:{model}?dtype=float32&logprobs=5").ask(asked[:4]))


def _assert_same_ids(model: str, served: list[Reply], local: list[Reply]) -> None:
    """A server writes tokens in its own way; the owner's ids and their probabilities are alike."""
    tokenizer = load_processor(model).tokenizer
    ids = OwnersIds(tokenizer, frozenset(tokenizer.all_special_ids))
    for one, two in zip(served, local, strict=True):
        assert isinstance(one, Answer)
        assert isinstance(two, Answer)
        assert one.top is not None
        assert two.top is not None
        for mine, theirs in zip(ids.places(one.top), ids.places(two.top), strict=True):
            assert mine == pytest.approx(theirs, abs=2e-3)


@pytest.mark.vllm
@pytest.mark.slow
def test_a_server_that_dies_is_reported_with_the_end_of_its_log(
    untrained_llava: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(untrained_llava, tmp_path / "broken")
    (broken / "tokenizer.json").write_text("{")
    with (
        pytest.raises(SuspectError, match=r"ended before it was ready; its log ends: .*Error"),
        running_server(str(broken)),
    ):
        pass
