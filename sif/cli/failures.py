"""How a command ends when something went wrong: one sentence, an exit code, never a traceback.

Exit codes: 1 failed, 2 wrong usage, 130 interrupted, 143 told to end. Whatever SIF does not know is
written whole to a file, and the sentence says where. Knows no command.
"""

import errno
import importlib.metadata
import logging
import os
import platform
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Final

import typer

from sif.cli.say import say_in_red
from sif.errors import SifError, UsageError
from sif.visible import visible

logger = logging.getLogger(__name__)

DISTRIBUTION: Final = "sif-lvlm"
FAILED, WRONG_USAGE, INTERRUPTED, TOLD_TO_END = 1, 2, 130, 143
KEPT: Final = "what was finished is kept; run the same command again to go on"

MENDS: Final = {
    errno.ENOSPC: "free some space and run the same command again; finished work is kept",
    errno.EDQUOT: "free some of the quota and run the same command again; finished work is kept",
    errno.EACCES: "check the owner and the mode of the file, or choose another folder",
    errno.EROFS: "choose a folder that can be written to",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run the same command again",
}
NO_MEMORY: Final = "memory ran out: work with fewer or smaller things at once"
TOO_DEEP: Final = "something is nested deeper than can be read: a damaged or hostile file"

# Errors of libraries by the name of their class or of one that it stands on: what to say first,
# and whether it is the request that is wrong. None of these libraries is imported for it.
KNOWN: Final[Mapping[str, tuple[str, int]]] = {
    "torch.OutOfMemoryError": (NO_MEMORY, FAILED),
    "torch.cuda.OutOfMemoryError": (NO_MEMORY, FAILED),
    "PIL.Image.DecompressionBombError": ("a picture is larger than any that is read", FAILED),
    "PIL.UnidentifiedImageError": ("a file is no picture that can be read", FAILED),
    "builtins.EOFError": ("a file ends too early", FAILED),
    "zipfile.BadZipFile": ("a file is no zip file, or is damaged", FAILED),
    "safetensors._safetensors_rust.SafetensorError": ("a file of weights is damaged", FAILED),
    "sqlite3.Error": ("a journal of answers cannot be read or written", FAILED),
    "ssl.SSLError": ("no safe connection comes about", FAILED),
    "httpx.InvalidURL": ("expected an address such as https://host:8000/path", WRONG_USAGE),
    "httpx.UnsupportedProtocol": ("expected an address with http:// or https://", WRONG_USAGE),
    "httpx.HTTPError": ("an endpoint cannot be asked", FAILED),
    "idna.core.IDNAError": ("expected the name of a host", WRONG_USAGE),
}

# What could be a secret in a report: values of options and variables, and long runs of digits.
SECRET_NAME: Final = re.compile(r"key|token|secret|pass|credential|auth", re.IGNORECASE)
SECRETS: Final = re.compile(
    r"(?i)(?<=://)[^/\s@]+(?=@)"
    r"|(?<=bearer )\S+"
    r"|\b(?:sk|hf|pk|ghp|xox[a-z])[-_][\w-]{8,}"
    r"|(?<=[?&])[\w-]*(?:key|token|secret|pass|auth)[\w-]*=[^&\s'\"]+"
    r"|\b[0-9a-f]{32,}\b"
    r"|\b[\w+/-]{40,}={0,2}(?![\w/.])"
)


class EndingInWords:
    """Everything that is raised inside ends the program with a sentence and a code.

    Raises:
        SystemExit: whatever happened, an end that was meant included.
    """

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Says what happened and leaves."""
        if error is None or isinstance(error, SystemExit):
            return
        logger.debug("the error came from here", exc_info=error)
        raise SystemExit(_end(error)) from None


def _end(error: BaseException) -> int:
    """Says what happened; gives the exit code."""
    if isinstance(error, typer.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # of a file: typer takes it for somebody who closed the terminal
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        say_in_red(f"interrupted: {KEPT}")
        return INTERRUPTED
    if isinstance(error, typer.TyperException):
        return _misused(error)
    words, code = _sentence(error)
    say_in_red(f"error: {words}")
    return code


def _misused(error: typer.TyperException) -> int:
    """What typer finds wrong with a command line, in a sentence and where to read on."""
    context = getattr(error, "ctx", None)
    words = getattr(error, "format_message", error.__str__)()
    if type(error).__name__ == "NoArgsIsHelpError":  # which has printed the help already
        return WRONG_USAGE
    help_of = f"; see {context.command_path} --help" if context is not None else ""
    say_in_red(f"error: {words.rstrip('.')}{help_of}")
    return int(getattr(error, "exit_code", WRONG_USAGE))


def _sentence(error: BaseException) -> tuple[str, int]:
    if isinstance(error, SifError):
        return str(error), WRONG_USAGE if isinstance(error, UsageError) else FAILED
    if known := _known(error):
        first, code = known
        return f"{first}{_in_brackets(error)}", code
    if isinstance(error, MemoryError):
        return NO_MEMORY, FAILED
    if isinstance(error, RecursionError):
        return TOO_DEEP, FAILED
    if isinstance(error, OSError):
        return describe(error), FAILED
    what = f"{type(error).__name__}{_in_brackets(error)}"
    return f"something that SIF does not know went wrong, {what}; {_reported(error)}", FAILED


def describe(error: OSError) -> str:
    """What the system says, on which file, and how to mend it where that is known."""
    what = error.strerror or str(error) or type(error).__name__
    where = f": {error.filename}" if error.filename else ""
    mend = f" ({MENDS[error.errno]})" if error.errno in MENDS else ""
    return f"{what}{where}{mend}"


def _known(error: BaseException) -> tuple[str, int] | None:
    for kind in type(error).__mro__:
        for name, words in KNOWN.items():
            if name == f"{kind.__module__}.{kind.__qualname__}":
                return words
    return None


def _in_brackets(error: BaseException) -> str:
    words = visible(" ".join(str(error).split()), longest=300)
    return f" ({without_secrets(words)})" if words else ""


def _reported(error: BaseException) -> str:
    """Writes the whole report; says where."""
    try:
        handle, name = tempfile.mkstemp(prefix="sif-report-", suffix=".txt")  # for its owner alone
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report(error))
    except OSError as refused:
        return f"the full report could not be written ({describe(refused)})"
    return f"the full report is in {name}"


def report(error: BaseException) -> str:
    """Traceback and versions, without the values of anything that could be a secret."""
    trace = "".join(traceback.format_exception(error))
    lines = [f"python {platform.python_version()} on {platform.platform()}"]
    for name in (DISTRIBUTION, "torch", "transformers", "pillow", "pydantic", "httpx", "openai"):
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name} not installed")
    command = " ".join(["sif", *(word for word in sys.argv[1:3] if word.isalpha())])
    told = "\n".join([f"command: {command}", *lines, "", trace])
    return "\n".join(visible(line, longest=None) for line in without_secrets(told).split("\n"))


def without_secrets(text: str) -> str:
    """A text in which whatever looks like a key, a passphrase or a token is left out."""
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and len(value) >= 6:
            text = text.replace(value, "(left out)")
    return SECRETS.sub("(left out)", text)


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Lets SIGTERM end a command as Ctrl-C does, so that nothing temporary stays behind.

    A second one ends it at once. Where this is not the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        say_in_red(f"ended: {KEPT}")
        raise SystemExit(TOLD_TO_END)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
