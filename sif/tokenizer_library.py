"""What the `tokenizers` library raises at rubbish, as one error of ours. Knows no tokenizer."""

import contextlib
from collections.abc import Iterator
from typing import Final

from sif.errors import FingerprintError
from sif.visible import visible

_SHOWN: Final = 160


@contextlib.contextmanager
def in_words(where: str) -> Iterator[None]:
    """Around calls of the tokenizer's library: what it raises for rubbish becomes one line.

    It raises plain `Exception`, and where its Rust code panics (an index beyond a table, a chunk of
    length 0) pyo3's `PanicException`, which derives from `BaseException` so that nobody catches it
    by chance and which cannot be imported. The panic has unwound to the border by then and the
    object is thrown away, so that catching it here is safe. All else, such as Ctrl-C, goes on.
    """
    try:
        yield
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ImportError,
        AssertionError,
        RuntimeError,
    ) as error:
        raise FingerprintError(f"the tokenizer in {where} fails: {_short(error)}") from error
    except BaseException as error:
        if type(error) is Exception or is_panic(error):
            raise FingerprintError(f"the tokenizer in {where} fails: {_short(error)}") from error
        raise


def is_panic(error: BaseException) -> bool:
    """Whether it is the library's own end of a computation, which derives from no exception."""
    kind = type(error)
    return (kind.__module__, kind.__name__) == ("pyo3_runtime", "PanicException")


def _short(error: BaseException) -> str:
    """What an error says, in one bounded line of plain characters."""
    return visible(" ".join(str(error).split()), longest=_SHOWN)
