"""Where a command gets the signing key, and the passphrase that goes with it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sif.cli.say import ask_unseen
from sif.errors import UsageError

if TYPE_CHECKING:
    from sif.claims.signing import KeyPlace

PASSPHRASE: Final = "SIF_SIGNING_PASSPHRASE"


def key_place(where: str | None, public: Path | None = None) -> "KeyPlace":
    """What `--signing-key` and `--signing-public-key` name."""
    from sif.claims.signing import KeyPlace

    return KeyPlace(where=where, public=public, ask=ask)


def ask(what: str) -> str:
    """A passphrase or PIN, from the environment or typed unseen at the terminal.

    Raises:
        UsageError: there is neither.
    """
    if (given := os.environ.get(PASSPHRASE)) is not None:
        return given
    if (typed := ask_unseen(what)) is not None:
        return typed
    raise UsageError(f"expected the {what} in {PASSPHRASE}, for there is no terminal to ask at")
