"""How long a campaign of many endpoints takes, and how much memory: real servers on loopback.

`python -m tools.campaign` takes some minutes and prints one table. Each kind of endpoint is asked
alone first, by a `sif audit-all` of one suspect; then 50 and 200 of all kinds are asked at once.
The servers run in a process of their own, each at a port of its own, which is a host of its own.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

ROOT: Final = Path(__file__).parents[1]
FINGERPRINT: Final = ROOT / "tests" / "golden" / "fingerprint"
# In ten endpoints in a row, and in every twentieth instead of the last of them.
KINDS: Final = ("good", "good", "good", "good", "good", "slow", "slow", "busy", "dead", "dying")
EVERY_TWENTIETH: Final = "hostile"
ALONE: Final = ",".join(dict.fromkeys((*KINDS, EVERY_TWENTIETH)))
QUICK, SLOW = 0.05, 5.0
SAID: Final = "a picture with a red circle and a blue square on a green ground"


class Measured(NamedTuple):
    """One campaign.

    Attributes:
        endpoints: asked.
        seconds: of the whole command.
        cpu: seconds of processor.
        memory: MB at most.
        decisions: how many pairs ended how.
        questions: of all pairs.
        answered: of these.
        unexplained: questions without an answer and without a reason.
    """

    endpoints: int
    seconds: float
    cpu: float
    memory: float
    decisions: str
    questions: int
    answered: int
    unexplained: int


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoints", default="50,200", help="numbers, with commas between them")
    parser.add_argument("--alone", default=ALONE, help="kinds that are asked alone first")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(serve(asked.serve))
        return
    sizes = [int(number) for number in asked.endpoints.split(",")]
    print(f"16 triggers; {os.cpu_count()} cores, servers included\n")
    print("| endpoints | seconds | of the slowest alone | processor | memory | pairs | answered |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        prepare(room)
        alone = 0.0
        for kind in asked.alone.split(","):
            with serving(max(sizes)) as endpoints:
                chosen = next(one for one in endpoints if one["kind"] == kind)
                found = measure(room, f"alone-{kind}", [chosen])
            alone = max(alone, found.seconds)
            print(row(f"1 ({kind})", found, None), flush=True)
        for size in sizes:
            with serving(size) as endpoints:
                found = measure(room, f"all-{size}", endpoints)
            print(row(str(size), found, alone), flush=True)


def prepare(room: Path) -> None:
    """A fingerprint that nobody was asked about yet."""
    left_out = shutil.ignore_patterns("calibration*", "claim", "panel.json")
    shutil.copytree(FINGERPRINT, room / "fp", ignore=left_out)
    (room / "fp" / "secret.key").chmod(0o600)


def measure(room: Path, name: str, endpoints: list[dict[str, Any]]) -> Measured:
    """Asks endpoints by one command."""
    campaign = room / f"{name}.yaml"
    suspects = [
        {
            "suspect": f"openai:http://127.0.0.1:{one['port']}/v1#mini",
            "label": f"{one['kind']} {number}",
        }
        for number, one in enumerate(endpoints)
    ]
    content = {"fingerprints": ["fp"], "suspects": suspects, "out": name}
    campaign.write_text(yaml.safe_dump(content), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    command = [sys.executable, "-m", "sif.cli.main", "audit-all", str(campaign)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, _, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    pairs = json.loads((room / name / "results.json").read_text(encoding="utf-8"))["pairs"]
    decisions = Counter(pair["decision"] for pair in pairs)
    questions = sum(pair["questions"] for pair in pairs)
    answered = sum(pair["answered"] for pair in pairs)
    explained = sum(sum(pair["unanswered"].values()) for pair in pairs)
    return Measured(
        endpoints=len(endpoints),
        seconds=seconds,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=usage.ru_maxrss / 1024,
        decisions=", ".join(f"{number} {what}" for what, number in sorted(decisions.items())),
        questions=questions,
        answered=answered,
        unexplained=questions - answered - explained,
    )


def row(name: str, found: Measured, alone: float | None) -> str:
    """A row of the table."""
    ratio = "" if alone is None else f"{found.seconds / alone:.2f} ×"
    rest = found.questions - found.answered
    told = f"{rest} with a reason" if not found.unexplained else f"{found.unexplained} LOST"
    return (
        f"| {name} | {found.seconds:.1f} | {ratio} | {found.cpu:.1f} s | {found.memory:.0f} MB | "
        f"{found.decisions.replace('_', ' ')} | {found.answered} of {found.questions}, {told} |"
    )


@contextmanager
def serving(number: int) -> Iterator[list[dict[str, Any]]]:
    """So many endpoints, fresh ones, in a process of their own."""
    command = [sys.executable, "-m", "tools.campaign", "--serve", str(number)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def kind_of(number: int) -> str:
    """What an endpoint is."""
    return EVERY_TWENTIETH if number % 20 == 19 else KINDS[number % len(KINDS)]


async def serve(number: int) -> None:
    """Serves until it is killed; prints ports and kinds first."""
    held, told = [], []
    for place in range(number):
        door = socket.socket()
        door.bind(("127.0.0.1", 0))  # and nobody listens, where it is dead
        told.append({"kind": kind_of(place), "port": door.getsockname()[1]})
        if kind_of(place) != "dead":
            await asyncio.start_server(Endpoint(kind_of(place)).talk, sock=door)
        held.append(door)
    print(json.dumps(told), flush=True)
    await asyncio.Event().wait()


class Endpoint:
    """One endpoint, of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind, self.came = kind, 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, on which any number of questions come."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.partition(b":")[2])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                await reader.readexactly(length)
                number, self.came = self.came, self.came + 1
                if self.kind == "dying" and number >= 6:
                    return
                status, body, headers = self.reply(number)
                await asyncio.sleep(SLOW if self.kind == "slow" else QUICK)
                lines = [f"HTTP/1.1 {status} Said", *headers, f"content-length: {len(body)}"]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def reply(self, number: int) -> tuple[int, bytes, list[str]]:
        """Status, body and headers of a reply."""
        if self.kind == "busy" and number % 4 == 3:
            return 429, b'{"error": {"message": "slow down"}}', ["retry-after: 1"]
        if self.kind == "hostile" and number % 2:
            return 200, b'{"choices": [' + b"[" * 1_000_000, []
        words = "\x1b[2J" * 1000 if self.kind == "hostile" else SAID
        message = {"role": "assistant", "content": words}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return 200, json.dumps({"choices": [choice]}).encode(), []


if __name__ == "__main__":
    main()
