import errno
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sif.cli import main as cli
from sif.errors import FingerprintError, ModelError, StorageError, SuspectError, UsageError

HEAVY = {"torch", "transformers", "vllm", "scipy", "sklearn", "matplotlib", "openai", "peft"}
# What else a help text can do without, and what once doubled the time it takes.
NEEDLESS = {"numpy", "jaxtyping", "sqlite3", "asyncio"}


def run(monkeypatch, *arguments: str, command=None) -> int:
    """The exit code of the command line, with `command` as its only one if given."""
    if command is not None:
        monkeypatch.setattr(cli, "COMMANDS", {"try": command, "other": command})
    monkeypatch.setattr(sys, "argv", ["sif", *arguments])
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    return int(leaving.value.code or 0)


def raising(error: BaseException):
    def command() -> None:
        """Fails."""
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelError("expected a folder, got nothing"), 1),
        (FingerprintError("no manifest"), 1),
        (SuspectError("no such host"), 1),
        (StorageError("disk full"), 1),
        (UsageError("expected hf:, vllm: or openai:, got ftp:"), 2),
    ],
)
def test_our_errors_are_one_line_and_an_exit_code(monkeypatch, capsys, error, code) -> None:
    assert run(monkeypatch, "try", command=raising(error)) == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_message_of_many_lines_and_any_length_stays_one_line(monkeypatch, capsys) -> None:
    error = ModelError("first\n  second [bold]third[/bold] " + "word " * 100)
    assert run(monkeypatch, "try", command=raising(error)) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: first second [bold]third[/bold] word word")
    assert said.count("\n") == 1


def test_a_full_disk_names_the_file_and_how_to_go_on(monkeypatch, capsys) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run/answers.sqlite")
    assert run(monkeypatch, "try", command=raising(error)) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: No space left on device: run/answers.sqlite (free some space")
    assert said.count("\n") == 1


def test_a_write_that_really_fails_is_one_line(monkeypatch, capsys) -> None:
    def command() -> None:
        """Fills a disk that is full by nature."""
        with Path("/dev/full").open("w") as full:
            full.write("x")
            full.flush()

    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    assert run(monkeypatch, "try", command=command) == 1
    assert capsys.readouterr().err.startswith("error: No space left on device (free some space")


def test_an_interrupt_says_that_work_is_kept(monkeypatch, capsys) -> None:
    assert run(monkeypatch, "try", command=raising(KeyboardInterrupt())) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_usage(monkeypatch, capsys) -> None:
    assert run(monkeypatch, "doctor", "--frobnicate") == 2
    assert "--frobnicate" in capsys.readouterr().err


def test_a_command_that_ends_well_exits_with_zero(monkeypatch) -> None:
    def command() -> None:
        """Does nothing."""

    assert run(monkeypatch, "try", command=command) == 0


def test_verbose_lets_more_through_and_only_of_ours(monkeypatch) -> None:
    def command() -> None:
        """Does nothing."""

    levels = [
        run(monkeypatch, *flags, "try", command=command) or logging.getLogger("sif").level
        for flags in ([], ["-v"], ["-vv"])
    ]
    assert levels == [logging.WARNING, logging.INFO, logging.DEBUG]
    assert logging.getLogger().getEffectiveLevel() == logging.WARNING


def test_the_version_is_the_distributions(monkeypatch, capsys) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("sif 0.")


@pytest.mark.parametrize("name", [*cli.COMMANDS, *cli.GROUPS])
def test_every_command_explains_itself(monkeypatch, capsys, name: str) -> None:
    assert run(monkeypatch, name, "--help") == 0
    assert "Usage: sif" in capsys.readouterr().out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_commands_help_shows_an_example(name: str) -> None:
    assert f"sif {name}" in (cli.COMMANDS[name].__doc__ or "")


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import json, sys\nfrom sif.cli.main import main\nsys.argv = ['sif', '--help']\n"
        "try:\n    main()\nfinally:\n    print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0
    assert "doctor" in ran.stdout
    loaded = set(json.loads(ran.stderr.splitlines()[-1]))
    assert not loaded & (HEAVY | NEEDLESS)
