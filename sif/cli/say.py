"""The one way from `sif` to the terminal: lines, tables, bars, log records, questions.

Whatever goes out is made visible here, so that no text of a bundle, an endpoint, a model folder or
a file's name can move the cursor, turn words around or add a line of its own. Nothing else prints;
what libraries print on their own is caught by `guarded`. Knows no command.
"""

import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from sif.visible import visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console

    from sif.cli.progress import Show

Stream = Literal["stdout", "stderr"]

LONGEST_LINE: Final = 20_000
LONGEST_WORDS: Final = 200
WIDTH_IN_A_LOG: Final = 110
UNDER: Final = "    "
LINE: Final = re.compile(r"(\n)")
COLOUR_OR_LINE: Final = re.compile(r"(\n|\x1b\[[0-9;]{0,20}m)")


class Cell(NamedTuple):
    """A cell of a table, in a colour."""

    text: str
    colour: str = ""


def say(*lines: object) -> None:
    """Each as one line of standard output; a line feed inside one is shown, not obeyed."""
    _write("stdout", "".join(f"{visible(line, longest=LONGEST_LINE)}\n" for line in lines))


def say_text(text: str) -> None:
    """A text of several lines that SIF composed, such as a summary in Markdown."""
    say(*text.split("\n"))


def say_json(text: str) -> None:
    """A JSON text: the same value, whole, with what is not visible written as an escape."""
    _write("stdout", f"{visible_json(text)}\n")


def say_either(json_text: str, text: str, *, as_json: bool) -> None:
    """The same for scripts or for people."""
    if as_json:
        say_json(json_text)
    else:
        say_text(text)


def say_in_red(line: object) -> None:
    """One red line of standard error, with runs of blanks as one."""
    from rich.text import Text

    words = visible(" ".join(str(line).split()), longest=LONGEST_LINE)
    _console("stderr").print(Text(words, style="red"), soft_wrap=True)


def say_aside(line: object) -> None:
    """One line of standard error, beside the result."""
    _write("stderr", f"{visible(line, longest=LONGEST_LINE)}\n")


def say_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str | Cell]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
    boxed: bool = True,
) -> None:
    """A table on standard output.

    Args:
        heads: of the columns.
        rows: cells of text, or in a colour.
        title: above it.
        right: heads of columns whose cells stand on the right.
        boxed: whether lines are drawn around it.
    """
    from rich.table import Table
    from rich.text import Text

    look: dict[str, Any] = {} if boxed else {"box": None, "pad_edge": False}
    table = Table(
        title=None if title is None else Text(visible(title)), title_justify="left", **look
    )
    for head in heads:
        table.add_column(
            Text(visible(head)), justify="right" if head in right else "left", overflow="fold"
        )
    for row in rows:
        cells = (cell if isinstance(cell, Cell) else Cell(cell) for cell in row)
        table.add_row(*(Text(visible(text), style=colour) for text, colour in cells))
    console = _console("stdout")
    (console if console.is_terminal else _console("stdout", width=WIDTH_IN_A_LOG)).print(table)


def at_terminal(stream: Stream) -> bool:
    """Whether somebody is looking, or a log is written."""
    return _console(stream).is_terminal


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Shows on standard error what is being done, while it is."""
    from rich.text import Text

    with _console("stderr").status(Text(visible(words, longest=LONGEST_WORDS))):
        yield


@contextmanager
def bars() -> Iterator["Show"]:
    """A bar for every stage on standard error; a new stage gets a new bar."""
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[words]}", markup=False),
    )
    with progress.Progress(*columns, console=_console("stderr")) as shown:
        tasks: dict[str, Any] = {}

        def move(stage: str, done: int | float, total: int | float, words: str = "") -> None:
            words = visible(words, longest=LONGEST_WORDS)
            if stage not in tasks:
                name = visible(stage, longest=LONGEST_WORDS)
                tasks[stage] = shown.add_task(name, total=total, words=words)
            shown.update(tasks[stage], completed=done, total=total, words=words)

        yield move


def ask_unseen(what: str) -> str | None:
    """A passphrase or PIN typed at the terminal without being shown; None where there is none."""
    import typer

    if not sys.stdin.isatty():
        return None
    return str(typer.prompt(visible(what), hide_input=True, err=True))


class Records(logging.Handler):
    """Log records on standard error: time, level, and what is said, line by line."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(message)s", "%X"))

    def emit(self, record: logging.LogRecord) -> None:
        """Shows one record; the lines of a traceback stay lines."""
        with suppress(ValueError):  # of a stream that is closed already
            lines = self.format(record).split("\n")
            shown = (visible(line, longest=LONGEST_LINE) for line in lines)
            _write("stderr", "".join(f"{line}\n" for line in shown))


@contextmanager
def guarded() -> Iterator[None]:
    """For as long as a command runs, nothing that anybody prints reaches the terminal raw.

    Records of every logger, warnings, and what libraries write to the standard streams themselves
    are made visible. Everything is put back afterwards.
    """
    before = (sys.stdout, sys.stderr, warnings.showwarning, logging.getLogRecordFactory())
    for stream in before[:2]:  # no letter that the terminal's encoding lacks ends a command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    own = [_under_another_number(stream) for stream in before[:2]]
    sys.stdout, sys.stderr = Guard(own[0], coloured=True), Guard(own[1])  # help has colours
    logging.setLogRecordFactory(VisibleRecord)
    logging.basicConfig(handlers=[Records()], force=True)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        sys.stdout, sys.stderr, warnings.showwarning, factory = before
        logging.setLogRecordFactory(factory)
        for stream in own:
            if stream not in before:
                with suppress(OSError):  # nobody is there to read it
                    stream.close()


def _under_another_number(stream: Any) -> Any:
    """The same file for us alone: the standard numbers may lead elsewhere for a while.

    That is where `sif.child_output` sends what other processes write, which has no colours.
    """
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        stream.flush()
        number = os.dup(stream.fileno())
    except OSError:  # it is closed, or no file of the system's
        return stream
    return open(  # noqa: PTH123
        number, "w", encoding=stream.encoding, errors=stream.errors, newline="\n"
    )


class VisibleRecord(logging.LogRecord):
    """A record whose message is visible to whatever handler, ours or a library's."""

    def getMessage(self) -> str:  # noqa: N802
        """The message; what follows its first line stands under it, and is no line of its own."""
        lines = super().getMessage().split("\n")
        return f"\n{UNDER}".join(visible(line, longest=LONGEST_LINE) for line in lines)


class Guard:
    r"""A standard stream through which others write: what they write is made visible.

    Line feeds are let through, and a carriage return in front of a text, as bars of libraries have.

    Args:
        beneath: the stream.
        coloured: whether colours are let through as well, by which the help is painted.
    """

    def __init__(self, beneath: Any, *, coloured: bool = False) -> None:
        self.beneath = beneath
        self._coloured = coloured

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)

    def write(self, text: str) -> int:
        """Writes a text; gives its length, as streams do."""
        head = "\r" if text.startswith("\r") else ""
        body = text.removeprefix("\r")
        parts = COLOUR_OR_LINE.split(body) if self._coloured else LINE.split(body)
        shown = (part if at % 2 else visible(part, longest=None) for at, part in enumerate(parts))
        self.beneath.write(head + "".join(shown))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes several."""
        for line in lines:
            self.write(line)


def _write(stream: Stream, text: str) -> None:
    file = _beneath(stream)
    file.write(text)
    file.flush()


def _console(stream: Stream, width: int | None = None) -> "Console":
    from rich.console import Console

    return Console(file=_beneath(stream), width=width, highlight=False, markup=False, emoji=False)


def _beneath(stream: Stream) -> Any:
    file = sys.stdout if stream == "stdout" else sys.stderr
    return file.beneath if isinstance(file, Guard) else file
