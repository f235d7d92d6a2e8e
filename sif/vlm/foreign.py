"""What code of others raises at inputs that it was not written for. Knows no such code."""

from types import TracebackType
from typing import Final

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import _weights_only_unpickler as unpickler

from sif.tokenizer_library import is_panic

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


class WithKinds:
    """Bare exceptions and panics of the library of tokenizers become `ValueError`."""

    def __enter__(self) -> None:
        """Nothing is needed before."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and (kind is Exception or is_panic(error)):
            raise ValueError(str(error)) from error
