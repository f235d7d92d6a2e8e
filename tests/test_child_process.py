"""A program of ours in a process of its own: late, dead, odd, and begun again."""

import os
import time
from pathlib import Path

import pytest

from sif.child_frames import Frame
from sif.child_process import ChildEndedError, ChildLateError, ChildProcess, _end

PROGRAM = """
import os, sys, time
from sif.child_frames import Frame, receive, send
while True:
    frame = receive(sys.stdin.buffer)
    match frame.head["do"]:
        case "sleep": time.sleep(60)
        case "die": os.kill(os.getpid(), 9)
        case "babble": sys.stdout.buffer.write(b"\\xff" * 64); sys.stdout.flush()
        case "world": send(sys.stdout.buffer, Frame({"key": os.environ.get("SECRET_KEY")}))
        case _: send(sys.stdout.buffer, Frame({"number": os.getpid()}, frame.content[::-1]))
"""


@pytest.fixture
def child(tmp_path: Path) -> ChildProcess:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return ChildProcess(path)


def test_it_answers_and_is_one_process(child: ChildProcess) -> None:
    first = child.ask(Frame({"do": "turn"}, b"abc"), seconds=30)
    again = child.ask(Frame({"do": "turn"}, b"\x00\n" * 100_000), seconds=30)
    assert first.content == b"cba"
    assert again.content == b"\n\x00" * 100_000
    assert first.head == again.head == {"number": child.number}


def test_what_is_late_or_dead_or_odd_ends_and_begins_again(child: ChildProcess) -> None:
    begun = time.monotonic()
    with pytest.raises(ChildLateError):
        child.ask(Frame({"do": "sleep"}), seconds=0.3)
    assert time.monotonic() - begun < 20
    for odd in ("die", "babble"):
        with pytest.raises(ChildEndedError):
            child.ask(Frame({"do": odd}), seconds=30)
        assert child.number is None
    assert child.ask(Frame({"do": "turn"}, b"ab"), seconds=30).content == b"ba"


def test_keys_in_our_surroundings_are_not_told(
    child: ChildProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    assert child.ask(Frame({"do": "world"}), seconds=30).head == {"key": None}


def test_a_copy_of_this_process_begins_a_child_of_its_own(child: ChildProcess) -> None:
    own = child.ask(Frame({"do": "turn"}), seconds=30).head["number"]
    process, owner = child._process, child._owner
    assert process is not None
    child._owner = os.getpid() + 1
    assert child.ask(Frame({"do": "turn"}), seconds=30).head["number"] != own
    assert process.poll() is None
    _end(process, owner)
