"""What a stranger can read of a claim: the signed header, and when it was timestamped.

Works on a bundle and on a folder with the public files of a claim in its claim/. Nothing secret is
needed; nothing of the fingerprint is looked at.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sif.claims.bundle import open_bundle
from sif.claims.commit import read_commitment
from sif.claims.commitment import Header
from sif.claims.folder import TIMESTAMP, claim_of, read
from sif.claims.signing import PublicKey
from sif.claims.timestamp import Token, load_roots
from sif.errors import ClaimError
from sif.scratch import scratch


class PublicClaim(NamedTuple):
    """A header, and in words whose signature it has and when it was there."""

    header: Header
    words: str


def read_claim(
    claim: Path, *, public_key: Path | None = None, certificates: Sequence[Path] = ()
) -> PublicClaim:
    """Reads a claim's header.

    Args:
        claim: a bundle, or a folder.
        public_key: the owner's, from elsewhere.
        certificates: roots of trusted timestamp authorities (PEM).

    Raises:
        ClaimError: no claim, a signature that is not that of its key or of the given one, or a
            timestamp that is damaged or not under the roots.
    """
    if claim.is_dir():
        return _read(claim, public_key, certificates)
    with scratch("claim") as folder:
        open_bundle(claim, folder)
        return _read(folder, public_key, certificates)


def _read(folder: Path, public_key: Path | None, certificates: Sequence[Path]) -> PublicClaim:
    found = read_commitment(folder)
    whose = f"signed by key {found.key.key_id[:16]}…, which was not given to compare"
    if public_key is not None:
        known = PublicKey.load(public_key)
        if known.key_id != found.key.key_id:
            raise ClaimError(f"the claim is not signed by the given key {known.key_id[:16]}…")
        whose = "signed by the given key"
    path = claim_of(folder) / TIMESTAMP
    if not path.exists():
        return PublicClaim(found.header, f"{whose}; no timestamp says when")
    token = Token.parse(read(path, mend="get it from the owner"))
    token.check_imprint(found.stamped)
    roots = load_roots(certificates)
    if roots:
        token.check_signature(found.stamped, roots)
    checked = "by a trusted authority" if roots else "by an authority that was NOT checked"
    when = f"there at {token.time:%Y-%m-%d %H:%M:%S} UTC {checked}"
    return PublicClaim(found.header, f"{whose}; {when}")
