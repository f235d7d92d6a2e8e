"""`sif serve`, as a process of its own."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sif.cli.serve import serve
from sif.errors import ModelError, UsageError

pytest.importorskip("vllm")

ROOT = Path(__file__).parents[2]
SCRIPT = "import typer; from sif.cli.serve import serve; typer.run(serve)"
APP = typer.Typer()
APP.command()(serve)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait_until_healthy(process: "subprocess.Popen[str]", port: int) -> None:
    deadline = time.monotonic() + 900
    while not _healthy(port):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.vllm
@pytest.mark.slow
def test_it_prints_the_address_and_takes_the_server_with_it(untrained_llava: Path) -> None:
    port = _free_port()
    command = [sys.executable, "-u", "-c", SCRIPT, str(untrained_llava), "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            _wait_until_healthy(process, port)
            process.send_signal(signal.SIGTERM)
            status = process.wait(60)
        finally:
            process.kill()
    assert said == f"suspect: openai:http://127.0.0.1:{port}/v1#llava\n"
    assert status in (0, 128 + signal.SIGTERM)
    assert not _healthy(port)
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_missing_model_is_a_model_error() -> None:
    outcome = CliRunner().invoke(APP, ["/nowhere/at-all"])
    assert isinstance(outcome.exception, ModelError)


def test_a_port_that_is_taken_is_a_usage_error(untrained_llava: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        outcome = CliRunner().invoke(APP, [str(untrained_llava), "--port", str(port)])
    assert isinstance(outcome.exception, UsageError)
    assert re.search(f"port {port}.*--port", str(outcome.exception))


def test_options_behind_two_dashes_go_to_the_server(
    untrained_llava: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def start(command: list[str]) -> "subprocess.Popen[bytes]":
        started.append(command)
        return subprocess.Popen(["true"])

    monkeypatch.setattr("sif.suspects.server.start_server", start)
    arguments = [str(untrained_llava), "--port", str(_free_port()), "--", "--seed", "7", "-dp", "2"]
    assert CliRunner().invoke(APP, arguments).exit_code == 0
    assert started[0][-4:] == ["--seed", "7", "-dp", "2"]
    own = CliRunner().invoke(APP, ["m", "--", "--port", "9"])
    assert isinstance(own.exception, UsageError)
    taught = CliRunner().invoke(APP, ["--help"]).output.replace("│", " ")
    assert "behind two dashes" in " ".join(taught.split())


@pytest.mark.parametrize(
    "arguments", [["m", "--dtype", "int4"], ["m", "--port", "99999"], ["m", "--dtpye", "auto"], []]
)
def test_wrong_options_are_usage_errors(arguments: list[str]) -> None:
    assert CliRunner().invoke(APP, arguments).exit_code == 2
