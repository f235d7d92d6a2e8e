"""Memory that runs out: how devices say so, and work that is then done in halves.

Knows nothing of what the work is.
"""

import gc
import logging
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import torch

# How allocators of torch say it in an error of no class of its own, and the libraries of CUDA and,
# of CPUs, oneDNN: whose primitives fail for little else.
WORDS: Final = re.compile(
    r"out of memory|can't allocate memory|bad_?alloc|ALLOC_FAILED|could not create a primitive",
    re.IGNORECASE,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any device says that memory is short."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and WORDS.search(str(error)) is not None


def make_room() -> None:
    """Gives back what nothing holds any more, on every GPU that is in use."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def in_halves(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], *, what: str
) -> list[Result]:
    """What comes of all items at once; of one half and then of the other where memory runs out.

    Args:
        work: on some neighbours, that leaves nothing behind where it fails.
        items: one or more.
        what: the work in a word or two, for whoever reads that it was halved.

    Raises:
        MemoryError | RuntimeError: there is not memory enough for a single one.
    """
    try:
        return work(items)
    except (MemoryError, RuntimeError) as error:
        if len(items) < 2 or not is_out_of_memory(error):
            raise
    # Only here the failed work's tensors are let go: the error held them.
    make_room()
    middle = (len(items) + 1) // 2
    logger.warning("out of memory with %d at once (%s); trying %d", len(items), what, middle)
    parts = (items[:middle], items[middle:])
    return [one for part in parts for one in in_halves(work, part, what=what)]
