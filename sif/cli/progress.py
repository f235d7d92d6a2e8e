"""One progress interface for all commands, on standard error: bars, or lines in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Show(Protocol):
    """Moves the bar of a stage: its name, what is done of how much, and a few words."""

    def __call__(self, stage: str, done: int | float, total: int | float, words: str = "") -> None:
        """Shows `done` of `total`; a new stage gets a new bar."""
        ...


@contextmanager
def bar() -> Iterator[Show]:
    """A bar for every stage."""
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[words]}"),
    )
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    with progress.Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int | float, total: int | float, words: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, words=words)
            bars.update(tasks[stage], completed=done, total=total, words=words)

        yield show


def counted(show: Show, stage: str) -> Callable[[int, int], None]:
    """Moves the bar of a stage that counts bytes."""
    return lambda done, total: show(stage, done / 1e6, total / 1e6, "MB")


def _lines(console: Any) -> Show:
    """A line at every tenth of a stage, for logs."""
    seen: dict[str, int] = {}

    def show(stage: str, done: int | float, total: int | float, words: str = "") -> None:
        tenths = int(10 * done / total) if total else 10
        if seen.get(stage) != tenths:
            console.print(f"{stage}: {done:.0f} of {total:.0f}  {words}", soft_wrap=True)
            seen[stage] = tenths

    return show
