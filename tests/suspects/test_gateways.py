"""Other people's servers, for real: the server of transformers, and LiteLLM in front of one.

Each is skipped where it is not installed; LiteLLM may be a program of another environment.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sif.suspects.connect import connect
from sif.types import Answer
from tests.suspects.endpoint import Endpoint, Response, Serve, completion, failure
from tests.suspects.questions import questions

PATIENCE_SECONDS = 240
# The server reads pictures with torchvision where it finds any, however little of it works.
TRANSFORMERS = """
import sys
sys.modules["torchvision"] = None
from transformers.cli.transformers import main
sys.argv[0] = "transformers"
main()
"""

pytestmark = pytest.mark.slow


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def _running(command: list[str], url: str, log: Path, **environment: str) -> Iterator[None]:
    """A server, from its first healthy answer on."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not _healthy(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_the_server_of_transformers_says_what_the_model_says_here(
    untrained_llava: Path, tmp_path: Path
) -> None:
    for name in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    port = _free_port()
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    command = [sys.executable, "-c", TRANSFORMERS, "serve", str(untrained_llava), *where]
    health = f"http://127.0.0.1:{port}/health"
    with _running(command, health, tmp_path / "log", HF_HUB_OFFLINE="1"):
        suspect = connect(f"openai:http://127.0.0.1:{port}/v1#{untrained_llava}?attempts=1")
        asked = questions(3)
        replies = suspect.ask(asked)
    here = connect(f"hf:{untrained_llava}?device=cpu&batch=1")
    assert [_text(reply) for reply in replies] == [_text(reply) for reply in here.ask(asked)]
    assert {word for reply in replies for word in reply.concessions} == {  # type: ignore[union-attr]
        "without min_p",
        "without repetition_penalty",
        "without skip_special_tokens",
        "without top_k",
    }
    here.close()


@pytest.fixture
def behind(serve: Serve) -> Endpoint:
    """A server that takes no temperature, and none of what engines add."""

    def script(number: int, body: dict[str, Any]) -> Response:
        for name in ("temperature", "top_k", "min_p", "repetition_penalty", "max_tokens"):
            if name in body:
                return failure(400, f"Unsupported parameter: '{name}'")
        return completion("a red circle on blue")

    return serve(script)


@pytest.fixture
def gateway(behind: Endpoint, tmp_path: Path) -> Iterator[str]:
    """The address of LiteLLM in front of that server."""
    program = shutil.which("litellm")
    if program is None:
        pytest.skip("litellm is not installed")
    inner = {
        "model": "openai/mini",
        "api_base": behind.uri.removeprefix("openai:").partition("#")[0],
        "api_key": "sk-inner",
        "max_retries": 0,
    }
    settings = {
        "model_list": [{"model_name": "mini", "litellm_params": inner}],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    port = _free_port()
    command = [program, "--config", str(tmp_path / "config.yaml"), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--telemetry", "False"]
    health = f"http://127.0.0.1:{port}/health/liveliness"
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with _running(command, health, tmp_path / "log", **offline):
        yield f"openai:http://127.0.0.1:{port}/v1#mini"


def test_behind_litellm_refused_parameters_are_left_out_all_the_same(
    gateway: str, behind: Endpoint
) -> None:
    replies = connect(f"{gateway}?attempts=1").ask(questions(3))
    assert [_text(reply) for reply in replies] == ["a red circle on blue"] * 3
    refused = {"temperature", "top_k", "min_p", "repetition_penalty", "max_tokens"}
    assert not refused & set(behind.bodies[-1])
    assert "max_completion_tokens" in behind.bodies[-1]


def test_behind_litellm_a_dead_server_is_a_reason(gateway: str, behind: Endpoint) -> None:
    behind.script = lambda number, body: failure(400, "odd words")
    (reply,) = connect(f"{gateway}?attempts=1").ask(questions(1))
    assert not isinstance(reply, Answer)
    assert "odd words" in reply.reason


def _text(reply: object) -> str:
    return reply.text if isinstance(reply, Answer) else f"no answer: {reply}"
