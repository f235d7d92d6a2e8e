"""One progress interface for all commands, on standard error: bars, or lines in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from sif.cli.say import at_terminal, bars, say_aside


@runtime_checkable
class Show(Protocol):
    """Moves the bar of a stage: its name, what is done of how much, and a few words."""

    def __call__(self, stage: str, done: int | float, total: int | float, words: str = "") -> None:
        """Shows `done` of `total`; a new stage gets a new bar."""
        ...


@contextmanager
def bar() -> Iterator[Show]:
    """A bar for every stage."""
    if not at_terminal("stderr"):
        yield _lines()
        return
    with bars() as move:
        yield move


def counted(show: Show, stage: str) -> Callable[[int, int], None]:
    """Moves the bar of a stage that counts bytes."""
    return lambda done, total: show(stage, done / 1e6, total / 1e6, "MB")


def _lines() -> Show:
    """A line at every tenth of a stage, for logs."""
    seen: dict[str, int] = {}

    def show(stage: str, done: int | float, total: int | float, words: str = "") -> None:
        tenths = int(10 * done / total) if total else 10
        if seen.get(stage) != tenths:
            say_aside(f"{stage}: {done:.0f} of {total:.0f}  {words}")
            seen[stage] = tenths

    return show
