"""Names of files: in a claim (FP/claim/) and beside a secret that is timestamped first."""

from pathlib import Path
from typing import Final

from sif.errors import ClaimError
from sif.fingerprint.folder import CLAIM
from sif.plain_files import read_file

COMMITMENT: Final = "commitment.dsse.json"
PUBLIC_KEY: Final = "public.pem"
TIMESTAMP_REQUEST: Final = "timestamp.tsq"
TIMESTAMP: Final = "timestamp.tsr"
BEFOREHAND: Final = "beforehand.json"
ANCHOR_REQUEST: Final = "anchor.tsq"
ANCHOR: Final = "anchor.tsr"
RUNS: Final = "runs.json"
# Private, mode 0600; `sif claim reveal` puts the first into a bundle where it reveals the secret.
SALT: Final = "salt.key"
SIGNING_KEY: Final = "signing.key"
UNANCHORED: Final = "unanchored.key"


def claim_of(fingerprint: Path) -> Path:
    """The folder of a fingerprint's claim."""
    return fingerprint / CLAIM


def read(path: Path, *, mend: str) -> bytes:
    """A file of a claim.

    Args:
        path: of the file.
        mend: what to do where it is missing.

    Raises:
        ClaimError: it is missing or cannot be read.
    """
    try:
        return read_file(path)
    except FileNotFoundError as error:
        raise ClaimError(f"expected {path}, which is missing; {mend}") from error
    except OSError as error:
        raise ClaimError(f"cannot read {path}: {error.strerror or error}") from error
