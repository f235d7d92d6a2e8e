"""Whether a tokenizer from outside comes to an end: tried in a process of its own, with limits.

What its file alone shows is bounded before (`sif.tokenizer_bounds`). Knows nothing of whose
tokenizer it is.
"""

import hashlib
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from sif import tokenizer_child
from sif.child_frames import Frame
from sif.child_process import ChildEndedError, ChildLateError, ChildProcess

READING: Final = 20.0
"""Seconds of the processor to read a file; half a million merges take two."""
LATE: Final = 20
"""How many times longer it may take where the machine is that busy."""
MEMORY_OF_READING: Final = 1 << 31
MEMORY: Final = 1 << 28


class Cut(NamedTuple):
    """What became of texts: ids of the longest, and what the library failed for, if it did."""

    ids: int
    fault: str | None


class EndlessTokenizerError(Exception):
    """It took more time or memory than it was given; says what, in words behind "takes"."""


def cut_elsewhere(tokenizer: bytes, texts: Sequence[str], *, seconds: float) -> Cut:
    """Has a tokenizer cut texts where it can do no harm.

    Args:
        tokenizer: tokenizer.json.
        texts: all that are to be cut.
        seconds: of the processor, for all.

    Raises:
        EndlessTokenizerError: it comes to no end with the file or the texts.
    """
    head = {
        "digest": _digest(tokenizer),
        "texts": list(texts),
        "reading": READING,
        "cutting": seconds,
        "memory": MEMORY,
        "memory_of_reading": MEMORY_OF_READING,
    }
    said = _asked(head, b"", seconds)
    if "unknown" in said:
        said = _asked(head, tokenizer, READING + seconds)
    if "memory" in said:
        raise EndlessTokenizerError(f"more than {MEMORY >> 20} MiB of memory")
    ids, fault = said.get("ids"), said.get("fault")
    return Cut(ids if isinstance(ids, int) else 0, fault if isinstance(fault, str) else None)


@lru_cache(maxsize=4)
def _digest(tokenizer: bytes) -> str:
    """Of some ten megabytes, perhaps, for every text."""
    return hashlib.sha256(tokenizer).hexdigest()


def _asked(head: dict[str, Any], content: bytes, seconds: float) -> dict[str, Any]:
    try:
        return _child().ask(Frame(head, content), seconds=LATE * (1 + seconds)).head
    except (ChildLateError, ChildEndedError) as error:
        spent = f"more than {head['cutting']:.3g} seconds or {MEMORY >> 20} MiB of memory"
        raise EndlessTokenizerError(spent) from error


@cache
def _child() -> ChildProcess:
    """One for all tokenizers of this process."""
    return ChildProcess(tokenizer_child.__file__)
