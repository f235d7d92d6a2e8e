"""Cuts texts with a tokenizer.json and says nothing: run as a script of its own, to see it end.

Reads {"tokenizer": str, "texts": [str]} from standard input. Imports nothing of this package, so
that it is up at once.
"""

import contextlib
import json
import sys

from tokenizers import Tokenizer

MOST_BYTES = 1 << 28
NO_MEMORY = 3


def main() -> int:
    """Cuts every text once; gives the exit code."""
    given = json.load(sys.stdin)
    tokenizer = Tokenizer.from_str(given["tokenizer"])
    _limit()
    try:
        for text in given["texts"]:
            tokenizer.encode(text, add_special_tokens=False)
    except MemoryError:
        return NO_MEMORY
    return 0


def _limit() -> None:
    """From here on memory grows by `MOST_BYTES` at most; the library aborts where it cannot."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            now = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (now + MOST_BYTES, hard))


if __name__ == "__main__":
    raise SystemExit(main())
