"""Whether a value was read as it was written: a number as one, and not as its text or as a truth.

pydantic takes "24" and true for numbers. Other languages do not, and nobody is to read a signed
statement in two ways. Knows nothing of what is stated.
"""

from typing import Any


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
