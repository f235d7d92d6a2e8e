"""Words of libraries and of strangers' files in one bounded, printable line."""

import re
from typing import Final

from sif.visible import visible

URL: Final = re.compile(r"'?https?://[^\s'\"]+'?")
LONGEST: Final = 200
LONGEST_NAME: Final = 80


def first_line(error: BaseException) -> str:
    """What an error says first, bounded and without addresses; libraries add advice below.

    With the next line where the first only announces it.
    """
    first, *others = (line.strip() for line in str(error).strip().split("\n"))
    if first.endswith(":") and others:
        first = f"{first} {others[0]}"
    if isinstance(error, KeyError):
        first = f"there is no {first}"
    words = URL.sub("…", first) or type(error).__name__
    return shown(words, longest=LONGEST)


def shown(words: object, *, longest: int = LONGEST_NAME) -> str:
    """Anything that a stranger wrote, visible and no longer than a line."""
    return visible(words, longest=longest)
