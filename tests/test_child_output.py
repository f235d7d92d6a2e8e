"""What other processes write to our terminal is visible, and what we write ourselves is whole."""

import os
import pty
import subprocess
import sys
from pathlib import Path

FOE = "\x1b[2J\x1b]0;owned\x07\u202e"
CHILD = f"""
import sys
sys.stdout.write({f"out {FOE}"!r})
sys.stderr.write({f"chatter of theirs{chr(10)}err {FOE}{chr(13)}{chr(10)}last"!r})
"""
PARENT = f"""
import subprocess, sys
from sif.child_output import made_visible
from sif.cli.say import bars, guarded, say
with guarded():
    with bars() as show, made_visible(without=("chatter",)) as words:
        show("waiting", 0, 1)
        process = subprocess.Popen([sys.executable, "-c", {CHILD!r}])
        say("ours")
    process.wait()
    for thread in words:
        thread.join()
    say("over")
"""


def at_a_terminal(program: str) -> str:
    """What a terminal gets of a program."""
    ours, theirs = pty.openpty()
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": root, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    got = b""
    try:
        while part := os.read(ours, 4096):
            got += part
    except OSError:  # how a pty says that the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0, got
    return got.decode()


def test_a_childs_words_are_shown_and_not_obeyed() -> None:
    text = at_a_terminal(PARENT)
    for stream in ("out", "err"):
        assert f"{stream} \\x1b[2J\\x1b]0;owned\\x07\\u202e" in text
    assert not {"\x1b[2J", "\x1b]", "\x07", "\u202e"} & {
        text[at : at + n] for n in (1, 2, 4) for at in range(len(text))
    }
    assert "last" in text
    assert "chatter" not in text
    assert "ours\r\n" in text and text.endswith("over\r\n")
    assert "\x1b[2K" in text  # our own bar moves the cursor as ever
    assert "\\x1b[2K" not in text


def test_a_long_line_is_carried_in_pieces_and_a_dead_reader_stops_nobody() -> None:
    program = (
        "import subprocess, sys\nfrom sif.child_output import made_visible\n"
        "with made_visible() as words:\n"
        "    process = subprocess.Popen([sys.executable, '-c', 'print(100_000 * chr(8212))'])\n"
        "assert process.wait() == 0\n[thread.join() for thread in words]\n"
    )
    root = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode()
    assert said == 100_000 * "—" + "\n"
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait() == 0
