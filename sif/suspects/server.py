"""vLLM's OpenAI-compatible server as a process of its own: its command, its start, its end.

Knows nothing of questions; `openai:` suspects ask it like any other endpoint.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sif.errors import SuspectError, UsageError
from sif.scratch import scratch
from sif.suspects import watchdog
from sif.suspects.engine import engine_arguments, quiet_environment, require_vllm
from sif.suspects.uri import Precision, VllmOptions
from sif.visible import visible

logger = logging.getLogger(__name__)

# What has an option of ours, which the address and the bounds depend on.
OWN = {
    "model": "MODEL",
    "host": "--host",
    "port": "--port",
    "served_model_name": "--name",
    "dtype": "--dtype",
    "max_model_len": "--max-model-len",
}
SHORTEST = 3
START_SECONDS = 600.0
END_SECONDS = 30.0
LOG_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A model and the address at which it is served.

    Attributes:
        model: folder or hub id.
        name: what clients call it; the folder's name where not given.
        further: options of vLLM's own server, as on its command line.
    """

    model: str
    host: str = "127.0.0.1"
    port: int = 8000
    name: str | None = None
    dtype: Precision = "auto"
    max_model_len: int | None = None
    further: tuple[str, ...] = ()

    @property
    def served_name(self) -> str:
        """What clients call the model."""
        return self.name or Path(self.model).expanduser().name

    @property
    def root(self) -> str:
        """URL of the server as seen from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"

    @property
    def uri(self) -> str:
        """The suspect's address."""
        return f"openai:{self.root}/v1#{self.served_name}"


def server_command(serving: Serving) -> list[str]:
    """The command line of the server, for this machine's CPU or GPU.

    A further option takes the place of the same one that is set here for this machine; that is
    logged. What has an option of `Serving` is refused among the further ones.

    Raises:
        ModelError: vLLM or the model is missing, or the model takes no images.
        UsageError: the port is taken, a longer context than the model has, or a further option that
            must be said otherwise.
    """
    _refuse_further(serving.further)
    require_vllm()
    options = VllmOptions(dtype=serving.dtype, max_model_len=serving.max_model_len)
    arguments = engine_arguments(serving.model, options)
    _require_free(serving.host, serving.port)
    arguments |= {
        "host": serving.host,
        "port": serving.port,
        "served_model_name": serving.served_name,
        "uvicorn_log_level": "warning",
    }
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    for name, value in arguments.items():
        flag = _flag(name, value)
        if further := _same(name, serving.further):
            logger.warning("%s takes the place of %s, which SIF sets", further, " ".join(flag))
        else:
            command += flag
    return [*command, *serving.further]


def start_server(command: list[str], log: Path | None = None) -> "subprocess.Popen[bytes]":
    """Starts a server in a process group of its own, which ends with this process at the latest.

    Args:
        command: of the server.
        log: where it writes; where this process writes if not given.
    """
    guarded = [sys.executable, "-I", watchdog.__file__, str(END_SECONDS), *command]
    environment = {**os.environ, **quiet_environment()}
    with contextlib.ExitStack() as files:
        output = None if log is None else files.enter_context(log.open("wb"))
        return subprocess.Popen(
            guarded,
            env=environment,
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
        )


def stop_server(process: "subprocess.Popen[bytes]") -> None:
    """Ends a server and everything that it started."""
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    _signal_group(process, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


@contextmanager
def running_server(
    model: str,
    *,
    name: str | None = None,
    dtype: Precision = "auto",
    max_model_len: int | None = None,
    start_seconds: float = START_SECONDS,
) -> Iterator[str]:
    """A server on a free local port, for as long as the block runs; gives the `openai:` address.

    Raises:
        ModelError: vLLM or the model is missing, or the model takes no images.
        SuspectError: the server died or did not answer in time; the end of its log is quoted.
    """
    serving = Serving(
        model=model, port=_free_port(), name=name, dtype=dtype, max_model_len=max_model_len
    )
    command = server_command(serving)
    with scratch("serve") as folder:
        log = folder / "server.log"
        process = start_server(command, log)
        try:
            _wait_until_healthy(serving, process, log, start_seconds)
            yield serving.uri
        finally:
            stop_server(process)


def _wait_until_healthy(
    serving: Serving, process: "subprocess.Popen[bytes]", log: Path, patience: float
) -> None:
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        if _healthy(serving.root):
            return
        time.sleep(0.25)
    state = "was not ready in time" if process.poll() is None else "ended before it was ready"
    raise SuspectError(f"the server of {serving.model} {state}; its log ends: {_tail(log)}")


def _healthy(root: str) -> bool:
    try:
        with urllib.request.urlopen(f"{root}/health", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " | ".join(line.strip() for line in lines[-LOG_LINES:] if line.strip())


def _flag(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    match value:
        case True:
            return [flag]
        case False:
            return ["--no-" + name.replace("_", "-")]
        case dict():
            return [flag, json.dumps(value)]
        case _:
            return [flag, str(value)]


def _refuse_further(further: Sequence[str]) -> None:
    if further and not further[0].startswith("-"):
        raise UsageError(
            "expected options of vLLM's server behind the model and --, as in sif serve MODEL -- "
            f"--tensor-parallel-size 2, got {visible(further[0][:80])}"
        )
    for name, own in OWN.items():
        if same := _same(name, further):
            raise UsageError(f"expected {own} before the --, got {same} behind it; move it there")


def _same(name: str, further: Sequence[str]) -> str | None:
    """The option among the further ones that is this one, however it is written; None for none.

    vLLM takes the beginning of a name for the name, dashes and underscores, and parts of a value.
    """
    for word in further:
        flag = word.split("=")[0].split(".")[0]
        dashed = flag.replace("_", "-")
        said = dashed.removeprefix("--").removeprefix("no-").replace("-", "_")
        if dashed.startswith("--") and len(said) >= SHORTEST and name.startswith(said):
            return flag
    return None


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _require_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            return
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {error}; choose another with --port"
        ) from error


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
