"""What running a command gives, and how its errors must look."""

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
"""Arguments in; exit code, standard output and standard error out."""


def assert_one_line(error: str, *words: str) -> None:
    """One line says what is wrong, with these words in it."""
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, error
    assert "Traceback" not in error
    for word in words:
        assert word in lines[0], lines[0]
