"""Commands as processes of their own that begin at once, and end by SIGKILL where a test says.

A server that has imported everything forks a process for each command. Without it a kill would
cost the seconds that it takes to import torch.

    python warm.py    requests as lines of JSON on standard input, answers likewise
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")
PATIENCE_SECONDS = 600


class Outcome(NamedTuple):
    """How a command ended.

    Attributes:
        status: its exit code, or minus the signal's number.
        seconds: that it ran.
        changes: what it was about to do to files when it ended: opened to write, renamed, removed.
        said: on both standard streams.
    """

    status: int
    seconds: float
    changes: int
    said: str


class Warm:
    """The server, from the test's side.

    Args:
        temporary: where its commands keep temporary files.
    """

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        more = {"PYTHONPATH": paths, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
        more |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=os.environ | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.communicate()

    def run(
        self,
        arguments: list[str],
        room: Path,
        *,
        seconds: float | None = None,
        change: int | None = None,
    ) -> Outcome:
        """Runs a `sif` command in a folder, to its end or to its death.

        Args:
            arguments: of the command.
            room: where it runs.
            seconds: after which it is killed.
            change: to a file, counted from 1, just before which it is killed.
        """
        log = self.temporary.with_suffix(".log")
        request = {"arguments": arguments, "room": str(room), "log": str(log)}
        asked = self._process.stdin
        answers = self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(json.dumps(request | {"seconds": seconds, "change": change}) + "\n")
        asked.flush()
        found = json.loads(answers.readline())
        return Outcome(**found, said=log.read_text(errors="replace"))


def serve() -> None:
    """Carries out requests, one after the other; returns only in a command's process."""
    import sif.cli.main  # noqa: F401

    _import_everything()
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        counter = request["log"] + ".changes"
        Path(counter).write_bytes(b"")
        began = time.monotonic()
        process = os.fork()
        if process == 0:
            return _begin(request, counter)
        status = _await(process, began + (request["seconds"] or PATIENCE_SECONDS))
        answer = {"status": status, "seconds": time.monotonic() - began}
        answer["changes"] = Path(counter).stat().st_size
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    os._exit(0)


def _import_everything() -> None:
    import bitsandbytes  # noqa: F401
    import peft  # noqa: F401
    import torch
    import transformers  # noqa: F401

    import sif.attacks.weights.theft
    import sif.claims
    import sif.fingerprint.make
    import sif.marks.embed_into
    import sif.networks.train_folder
    import sif.session
    import sif.session.sda
    import sif.vlm.model  # noqa: F401

    torch.set_num_threads(1)
    gc.freeze()


def _await(process: int, until: float) -> int:
    while time.monotonic() < until:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _begin(request: dict[str, Any], counter: str) -> None:
    """Makes this process that of the command."""
    os.chdir(request["room"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    tempfile.tempdir = os.environ["TMPDIR"]  # or it would be tried out, by Python, with a file
    sys.argv = ["sif", *request["arguments"]]
    count = os.open(counter, os.O_WRONLY | os.O_APPEND)
    places = (request["room"], os.environ["TMPDIR"])

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            counts = bool((arguments[2] or 0) & WRITING) and str(arguments[0]).startswith(places)
        else:
            counts = event in CHANGES
        if counts:
            os.write(count, b".")
            if os.fstat(count).st_size == request["change"]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


if __name__ == "__main__":
    serve()
    from sif.cli.main import main

    try:
        main()
    except SystemExit as leaving:
        threading._shutdown()  # what a process does as it ends, but for taking torch apart
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(leaving.code if isinstance(leaving.code, int) else 1)
