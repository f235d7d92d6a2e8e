"""What code of others raises at inputs that it was not written for. Knows no such code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import _weights_only_unpickler as unpickler

UNPICKLING: Final[type[Exception]] = unpickler.UnpicklingError  # type: ignore[attr-defined, unused-ignore]
"""Raised at a pickle that is damaged or holds more than tensors."""

FOREIGN: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
FOREIGN_OR_MISSING: Final = (*FOREIGN, ImportError)
"""The same where a library may be missing that is only then asked for."""
READING: Final = (
    *FOREIGN_OR_MISSING,
    *(OSError, EOFError, MemoryError, SafetensorError, StrictDataclassError, UNPICKLING),
)
"""What is raised at strangers' files by the libraries that read them: values of another kind in a
configuration, deep nesting, cut files, and numbers that no memory has room for."""


@contextmanager
def with_kinds() -> Iterator[None]:
    """Bare exceptions, which the library of tokenizers raises at its files, become `ValueError`.

    Raises:
        ValueError: such a one was raised within.
    """
    try:
        yield
    except Exception as error:
        if type(error) is Exception:
            raise ValueError(str(error)) from error
        raise
