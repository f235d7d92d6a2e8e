"""What code of others raises at inputs that it was not written for. Knows no such code."""

from typing import Final

from huggingface_hub.errors import StrictDataclassError

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
READING: Final = (*FOREIGN_OR_MISSING, OSError, StrictDataclassError)
"""What is raised at strangers' files by the libraries that read them: values of another kind in a
configuration and deep nesting included."""
