"""Markdown that people read: tables, and numbers in them. Knows nothing of what they say.

What stands in a cell or between ticks may come from others: it stays there, and is visible.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from sif.visible import visible

MISSING: Final = "–"
_BAR: Final = re.compile(r"(?<!\\)\|")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, one line for each row, with an empty line behind it.

    Raises:
        ValueError: a row of another length than the heads.
    """
    lines = [_line(heads), "|---" * len(heads) + "|\n"]
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(f"expected {len(heads)} entries in a row, got {len(row)}")
        lines.append(_line(row))
    return "".join([*lines, "\n"])


def number(value: float | None, *, digits: int = 2) -> str:
    """A number to so many digits behind the point; a dash where there is none."""
    return MISSING if value is None else f"{value:.{digits}f}"


def percent(share: float | None, *, digits: int = 0) -> str:
    """A share as per cent; a dash where there is none."""
    return MISSING if share is None else f"{share:.{digits}%}"


def code(text: str) -> str:
    """A text between ticks, in one line."""
    return f"`{visible(text, longest=None).replace('`', chr(39))}`"


def _line(entries: Sequence[str]) -> str:
    shown = (_BAR.sub(r"\|", visible(entry, longest=None)) for entry in entries)
    return f"| {' | '.join(shown)} |\n"
