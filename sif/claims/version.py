"""The versions of what is signed, and all that differs between them: a statement's type says which.

1   canonical JSON as Python writes it; one signature; the envelope is timestamped, to the byte
2   RFC 8785; the header names its owner's key, and the *payload* is timestamped, so that others may
    sign beside the owner, in any writing of the envelope

Version 1 is read and verified as ever; what is new is written as version 2. A statement of a type
that is not known here is taken for the newest; whoever reads its content refuses it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from sif.claims.canonical import canonical, jcs
from sif.errors import ClaimError

Number = Literal[1, 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version.

    Attributes:
        number: its own.
        canonical: how values are written before they are hashed or signed.
        shared: whether others may sign too, and so the payload is what is timestamped.
    """

    number: Number
    canonical: Callable[[Any], bytes]
    shared: bool

    @property
    def commitment(self) -> str:
        """Type of a statement that commits to a fingerprint."""
        return f"urn:sif:claim:commitment:{self.number}"

    @property
    def reveal(self) -> str:
        """Type of a statement that lists the files of a bundle."""
        return f"urn:sif:claim:reveal:{self.number}"


VERSIONS: Final[dict[Number, Version]] = {
    1: Version(number=1, canonical=canonical, shared=False),
    2: Version(number=2, canonical=jcs, shared=True),
}
NEWEST: Final = VERSIONS[2]


def version_of(statement_type: str) -> Version:
    """The version of a statement of this type; the newest for types that are not known here."""
    known = (v for v in VERSIONS.values() if statement_type in (v.commitment, v.reveal))
    return next(known, NEWEST)


def version_in(predicate: dict[str, Any]) -> Version:
    """The version that a predicate says it has.

    Raises:
        ClaimError: none that is known.
    """
    number = predicate.get("schema_version")
    for version in VERSIONS.values():
        if type(number) is int and number == version.number:
            return version
    raise ClaimError(
        f"expected schema_version 1 or 2 in what is signed, got {str(number)[:20]!r}; use the SIF "
        "that wrote it"
    )
