"""The passphrase of a signing key: from the environment, or typed unseen."""

import os
import pty
import sys
from pathlib import Path

import pytest

from sif.cli.signing import PASSPHRASE, ask, key_place
from sif.errors import UsageError

PROGRAM = "from sif.cli.signing import ask; print('heard', ask('passphrase of it')[::-1])"


def test_it_is_typed_at_the_terminal_and_not_shown() -> None:
    child, terminal = pty.fork()
    if child == 0:
        environment = {k: v for k, v in os.environ.items() if k != PASSPHRASE}
        os.execve(sys.executable, [sys.executable, "-c", PROGRAM], environment)
    said = b""
    while b"passphrase of it: " not in said:  # the space comes once echoing is off
        said += os.read(terminal, 1000)
    os.write(terminal, b"horse\n")
    try:
        while more := os.read(terminal, 1000):
            said += more
    except OSError:  # the child has closed its side
        pass
    assert os.waitpid(child, 0)[1] == 0, said
    assert b"heard esroh" in said
    assert b"horse" not in said


def test_the_environment_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "horse")
    assert ask("passphrase of it") == "horse"


def test_without_either_it_is_said_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE, raising=False)
    with Path("/dev/null").open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(UsageError, match=PASSPHRASE):
            ask("passphrase of it")


def test_where_a_key_lies_says_nothing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "horse")
    assert "horse" not in repr(key_place("my.key"))
