"""What does not fit, and the digest that all else is compared by."""

import hashlib


class WrongError(Exception):
    """The bundle contradicts itself."""


class UnknownFormError(Exception):
    """The bundle is of a form that docs/reference/claim-format.md does not tell of."""


def same(ours: object, theirs: object, what: str) -> None:
    if ours != theirs:
        raise WrongError(f"{what}: {str(ours)[:80]} and {str(theirs)[:80]}")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
