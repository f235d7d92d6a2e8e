"""Nothing that a stranger wrote reaches the terminal raw, whoever prints it and how."""

import io
import json
import logging
import os
import pty
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from sif.cli import main as cli
from sif.cli import say
from sif.cli.progress import bar
from sif.errors import ModelError
from tests.cli.command import Run

FOE = "\x1b[2J\x1b[1;1Hpass\r\u202e\x9b1A\x07\udc80[bold]x[/bold][/]"
RAW = "\x1b\r\u202e\x9b\x07\udc80"


def assert_tame(text: str) -> None:
    assert "x1b[2J" in text
    assert not set(RAW) & set(text)


def printing_a_library(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stdout.writelines([text, "\n"])


def raising(text: str) -> None:
    raise ModelError(text)


def raising_a_stranger(text: str) -> None:
    raise ZeroDivisionError(text)


def raising_of_a_file(text: str) -> None:
    raise FileNotFoundError(2, "no such file", text.replace("\udc80", ""))


def a_table(text: str) -> None:
    say.say_table((text, "b"), [(text, say.Cell(text, "red"))], title=text)


def a_bar(text: str) -> None:
    with bar() as show:
        show(text, 1, 2, text)


def a_wait(text: str) -> None:
    with say.waiting(text):
        say.say(text)


def our_warning(text: str) -> None:
    logging.getLogger("sif.somewhere").warning("refused: %s", text)


def a_librarys_own_handler(text: str) -> None:
    logger = logging.getLogger("some.library")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    try:
        logger.error("%s", text)
    finally:
        logger.removeHandler(handler)


def a_warning(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn(text, UserWarning, stacklevel=1)


WAYS = [
    lambda text: say.say(text),
    lambda text: say.say_text(text),
    lambda text: say.say_aside(text),
    lambda text: say.say_in_red(text),
    printing_a_library,
    raising,
    raising_a_stranger,
    raising_of_a_file,
    a_table,
    a_bar,
    a_wait,
    our_warning,
    a_librarys_own_handler,
    a_warning,
]


@pytest.fixture(autouse=True)
def _reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.mark.parametrize("way", WAYS)
def test_whoever_prints_it_a_strangers_text_is_shown_and_not_sent(
    sif: Run, monkeypatch: pytest.MonkeyPatch, way
) -> None:
    def command() -> None:
        """Tries."""
        way(FOE)

    monkeypatch.setattr(cli, "COMMANDS", {"try": command, "other": command})
    _, output, error = sif("try", bug=True)
    assert_tame(output + error)


@pytest.mark.parametrize("way", [raising, our_warning])
def test_a_message_cannot_add_a_line_of_its_own(
    sif: Run, monkeypatch: pytest.MonkeyPatch, way
) -> None:
    def command() -> None:
        """Tries."""
        way("no\n 3  pass         anchored")

    monkeypatch.setattr(cli, "COMMANDS", {"try": command, "other": command})
    _, output, error = sif("try")
    assert not any(line.startswith(" 3  pass") for line in (output + error).splitlines())


def test_a_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say.say("a\n 3  pass", "b")
    assert capsys.readouterr().out == "a\\n 3  pass\nb\n"


def test_json_is_printed_whole_and_with_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": FOE, "many": ["x" * 50_000]}
    say.say_json(json.dumps(value, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert_tame(printed.replace("u001b", "x1b"))
    assert json.loads(printed) == value


def test_a_name_that_the_shell_gave_is_tame_in_a_usage_error(sif: Run, tmp_path: Path) -> None:
    code, output, error = sif("zoo", "export", f"--{FOE}", tmp_path / "x")
    assert code == 2
    assert_tame(output + error)
    code, output, error = sif("verify", f"/nowhere/{FOE}", "hf:x")
    assert code == 1
    assert_tame(output + error)


def test_at_a_real_terminal_only_our_own_colours_and_bars_are_sent() -> None:
    script = (
        "import sys\nfrom sif.cli import main as cli\nfrom sif.cli import say\n"
        "from sif.cli.progress import bar\n"
        f"foe = {FOE!r}\n"
        "def command() -> None:\n    'Tries.'\n"
        "    with bar() as show:\n        show(foe, 1, 2, foe)\n        show(foe, 2, 2, foe)\n"
        "    say.say_table((foe,), [(foe,)])\n"
        "    raise ValueError(foe)\n"
        "cli.COMMANDS = {'try': command, 'other': command}\nsys.argv = ['sif', 'try']\ncli.main()\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    seen = bytearray()
    while chunk := _read(ours):
        seen += chunk
    assert process.wait() == 1
    os.close(ours)
    text = seen.decode("utf-8")
    for sent in ("\x1b[2J", "\x1b[1;1H", "\u202e", "\x9b", "\x07"):
        assert sent not in text
    assert r"\x1b[2J" in text.replace("\r\n", "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""


def test_letters_that_the_terminal_has_not_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", plain)
    with say.guarded():
        say.say("α ≤ 1")
        sys.stdout.write("β\n")
    plain.flush()
    assert plain.buffer.getvalue() == b"\\u03b1 \\u2264 1\n\\u03b2\n"


def test_everything_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (sys.stdout, sys.stderr, warnings.showwarning, logging.getLogRecordFactory())
    with say.guarded():
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr, warnings.showwarning, logging.getLogRecordFactory()) == before


def test_bars_of_libraries_go_back_to_the_start_of_their_line(monkeypatch) -> None:
    plain = io.StringIO()
    guard = say.Guard(plain)
    guard.write("\r50%\x1b[K ok\rpass\n")
    assert plain.getvalue() == "\r50%\\x1b[K ok\\rpass\n"
