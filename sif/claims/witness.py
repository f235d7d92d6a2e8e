"""Witnesses: others who sign a commitment beside its owner, and say by it that they saw it.

The owner sends commitment.dsse.json, a witness signs it with a key of his own and sends it back.
The timestamp, which is over what is signed, holds on. What a witness is worth, whoever knows his
key decides; nothing here rests on one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sif.claims.commitment import read_statement
from sif.claims.envelope import add_signature, open_envelope
from sif.claims.folder import read
from sif.claims.signing import PublicKey, SigningKey
from sif.errors import ClaimError
from sif.files import write_atomically


class Witnessed(NamedTuple):
    """What was signed: the root, the id of the owner's key, and how many signatures there are."""

    root: str
    owner: str
    signatures: int


def witness(path: Path, key: SigningKey) -> Witnessed:
    """Adds a signature to a commitment.

    Args:
        path: of commitment.dsse.json, of version 2 or later; is replaced.
        key: the witness's own.

    Raises:
        ClaimError: no such commitment, or one that this key has signed already.
        StorageError: it cannot be written.
    """
    data = read(path, mend="name the commitment.dsse.json that you got")
    signed = add_signature(data, key, where=str(path))
    opened = open_envelope(signed, where=str(path))
    header, root = read_statement(opened.statement)
    write_atomically(path, signed)
    return Witnessed(root, header.owner or "", len(opened.envelope.signatures))


def name_witnesses(envelope: bytes, owner: PublicKey, witnesses: Sequence[PublicKey]) -> str:
    """Who else signed a commitment, in words.

    Args:
        envelope: whose owner's signature was checked.
        owner: his key.
        witnesses: keys of which each must have signed.

    Raises:
        ClaimError: one did not, or is the owner.
    """
    opened = open_envelope(envelope, where="the commitment")
    for one in witnesses:
        if one.key_id == owner.key_id:
            raise ClaimError(f"the witness {one.key_id[:16]}… is the owner, who witnesses nothing")
        if not opened.is_signed_by(one):
            raise ClaimError(f"the witness {one.key_id[:16]}… did not sign the commitment")
    names = ", ".join(f"{key_id[:16]}…" for key_id in sorted({one.key_id for one in witnesses}))
    others = len(opened.envelope.signatures) - 1 - len({one.key_id for one in witnesses})
    words = f", the commitment by the given witnesses {names} too" if names else ""
    return words + (f"; it holds {others} more, of keys that were not given" if others else "")
