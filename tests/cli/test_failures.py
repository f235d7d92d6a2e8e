"""Whatever is raised, a command ends with one sentence and a code, never with a traceback."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import httpx
import idna
import PIL
import pydantic
import pytest
import torch
import yaml
from PIL import Image
from safetensors import SafetensorError

from sif.cli import main as cli
from sif.cli.failures import without_secrets
from sif.errors import ModelError, UsageError
from tests.cli.command import Run

SIF = (sys.executable, "-m", "sif.cli.main")


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where reports go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def ending(sif: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str):
    def command(given: str = "") -> None:
        """Fails."""
        raise error

    monkeypatch.setattr(cli, "COMMANDS", {"try": command, "other": command})
    code, output, said = sif("try", *words, bug=True)
    assert output == ""
    assert said.strip().count("\n") == 0, said
    assert "Traceback" not in said
    return code, said


def errors_of(action) -> BaseException:
    with pytest.raises(BaseException) as caught:
        action()
    return caught.value


def deep(levels: int = 0) -> int:
    return deep(levels + 1)


class Small(pydantic.BaseModel):
    number: int


SENTENCES = [
    (ModelError("refused"), 1, "error: refused"),
    (UsageError("wrong"), 2, "error: wrong"),
    (OSError(errno.ENOSPC, "No space left", "run/x"), 1, "run/x (free some space"),
    (PermissionError(errno.EACCES, "Permission denied", "x"), 1, "choose another folder"),
    (OSError(), 1, "error: OSError"),
    (MemoryError(), 1, "memory ran out"),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), 1, "memory ran out"),
    (RecursionError("maximum recursion depth"), 1, "nested deeper"),
    (KeyboardInterrupt(), 130, "run the same command again"),
    (EOFError("Compressed file ended before"), 1, "ends too early (Compressed"),
    (sqlite3.OperationalError("database or disk is full"), 1, "disk is full"),
    (sqlite3.DatabaseError("file is not a database"), 1, "journal"),
    (SafetensorError("header too large"), 1, "weights"),
    (zipfile.BadZipFile("File is not a zip file"), 1, "zip"),
    (Image.DecompressionBombError("Image size (9 pixels) exceeds"), 1, "larger"),
    (PIL.UnidentifiedImageError("cannot identify image file"), 1, "no picture"),
    (httpx.ConnectError("refused"), 1, "endpoint"),
    (httpx.InvalidURL("Invalid port: '99999'"), 2, "99999"),
    (httpx.UnsupportedProtocol("Request URL is missing"), 2, "http://"),
    (idna.IDNAError("Label too long"), 2, "Label too long"),
]


@pytest.mark.parametrize(("error", "code", "words"), SENTENCES)
def test_a_known_error_has_its_sentence(
    sif: Run, monkeypatch, reports: Path, error: BaseException, code: int, words: str
) -> None:
    found, said = ending(sif, monkeypatch, error)
    assert found == code
    assert words in said
    assert list(reports.glob("sif-report-*")) == []


UNKNOWN = [
    ZeroDivisionError("by zero"),
    StopIteration(),
    AssertionError(),
    KeyError("a\nb"),
    GeneratorExit(),
    errors_of(lambda: json.loads("{")),
    errors_of(lambda: yaml.safe_load("{")),
    errors_of(lambda: Small.model_validate({"number": "x"})),
    errors_of(lambda: b"\xff".decode()),
    BaseExceptionGroup("several", [ValueError("x"), KeyboardInterrupt()]),
]


@pytest.mark.parametrize("error", UNKNOWN, ids=lambda error: type(error).__name__)
def test_an_unknown_error_is_one_line_and_a_report(
    sif: Run, monkeypatch, reports: Path, error: BaseException
) -> None:
    code, said = ending(sif, monkeypatch, error)
    assert code == 1
    (report,) = reports.glob("sif-report-*.txt")
    assert type(error).__name__ in said
    assert str(report) in said
    assert report.stat().st_mode & 0o777 == 0o600
    told = report.read_text(encoding="utf-8")
    assert "Traceback" in told
    assert "test_failures.py" in told
    assert f"torch {torch.__version__.partition('+')[0]}" in told
    assert "command: sif try" in told


def test_a_report_that_cannot_be_written_is_said(sif: Run, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    code, said = ending(sif, monkeypatch, ZeroDivisionError("by zero"))
    assert code == 1
    assert "could not be written" in said


def test_no_secret_is_in_the_line_or_the_report(sif: Run, monkeypatch, reports: Path) -> None:
    secrets = {
        "OPENAI_API_KEY": "quite-secret-1",
        "SIF_SIGNING_PASSPHRASE": "correct horse",
        "HF_TOKEN": "hf_abcdefghijklmnop",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    told = [
        *secrets.values(),
        "https://me:hunter2@host/v1",
        "Authorization: Bearer abc.def",
        "sk-proj-0123456789abcdef",
        "http://host/v1?api_key=hush&x=1",
        "0f" * 32,
        "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
    ]
    _, said = ending(sif, monkeypatch, ValueError(" ".join(told)), "--given", "hunter2")
    (report,) = reports.glob("sif-report-*.txt")
    for text in (said, report.read_text(encoding="utf-8")):
        for secret in (*secrets.values(), "hunter2", "abc.def", "0123456789abcdef", "hush"):
            assert secret not in text
        assert "0f0f0f" not in text
        assert "q83vEj" not in text


def test_paths_and_words_are_left_in() -> None:
    text = "File /usr/lib/python3.11/site-packages/transformers/models/auto/modeling.py, line 3"
    assert without_secrets(text) == text


def test_sigterm_ends_a_command_and_nothing_temporary_stays(tmp_path: Path) -> None:
    script = (
        "import sys, tempfile, time\nfrom pathlib import Path\nfrom sif.cli import main as cli\n"
        "def command() -> None:\n    'Waits.'\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        Path(folder, 'secret').touch()\n        print('ready', flush=True)\n"
        "        time.sleep(60)\n"
        "cli.COMMANDS = {'try': command, 'other': command}\nsys.argv = ['sif', 'try']\ncli.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 143
    assert said.startswith("ended: ")
    assert said.count("\n") == 1
    assert time.monotonic() - begun < 10
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_is_no_error() -> None:
    ran = subprocess.run(
        f"{sys.executable} -m sif.cli.main zoo list | head -c 1", shell=True, capture_output=True
    )
    assert ran.stderr == b""
