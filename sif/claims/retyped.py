"""Whether a value was read as it was written: a number as one, and not as its text or as a truth.

pydantic takes "24" and true for numbers. Other languages do not, and nobody is to read a signed
statement in two ways, nor for one of another version. Knows nothing of what is stated.
"""

from typing import Any, Protocol, runtime_checkable

from sif.claims.version import Number, Version
from sif.errors import ClaimError


def first_retyped(written: Any, read: Any, place: str = "") -> str | None:
    """Where a JSON value was first read as another one, as a path; names not read are left out."""
    match written, read:
        case dict(), dict():
            pairs = [(name, one, read[name]) for name, one in written.items() if name in read]
        case list(), list() if len(written) == len(read):
            pairs = [(str(i), *both) for i, both in enumerate(zip(written, read, strict=True))]
        case _:
            same_kind = all(isinstance(written, k) == isinstance(read, k) for k in (bool, str))
            return None if same_kind and written == read else place
    for name, one, two in pairs:
        if found := first_retyped(one, two, f"{place}.{name}" if place else name):
            return found
    return None


@runtime_checkable
class Versioned(Protocol):
    """What was read of a signed statement."""

    @property
    def schema_version(self) -> Number:
        """The version that it says it has."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """As it would be written."""


def check_as_written(
    predicate: dict[str, Any], read: Versioned, version: Version, *, words: str, kind: str
) -> None:
    """Makes sure that a predicate says what was read of it, in its statement's version.

    Args:
        predicate: as it was signed.
        read: what was made of it.
        version: of the statement.
        words: names it in errors, with its article.
        kind: the same for the versions of it.

    Raises:
        ClaimError: a value of another kind, or another version.
    """
    if retyped := first_retyped(predicate, read.model_dump(mode="json")):
        raise ClaimError(f"{retyped} of {words} is written as a value of another kind")
    if read.schema_version != version.number:
        raise ClaimError(
            f"expected {kind} of version {version.number}, as its statement says, got one of "
            f"version {read.schema_version}"
        )
