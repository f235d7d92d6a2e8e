"""Signatures of OpenSSF model signing (the package `model-signing`), made with a key.

Whoever signed a model under a key that is known to be theirs has said more than a digest says: the
claim carries that file, and the audit checks it with the package's own verifier. Knows nothing of
commitments.
"""

import contextlib
import io
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from sif.errors import ClaimError, UsageError
from sif.fingerprint.model_manifest import ModelManifest
from sif.plain_files import open_file

LONGEST: Final = 1 << 22
REFUSALS: Final = (
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    RecursionError,
    OSError,
)
"""What the package raises over a foreign file, as far as is known."""
INSTALL: Final = (
    "checking a model's signature needs the package model-signing; install it with pip install "
    "'sif-lvlm[signing]'"
)


def read_signature(path: Path) -> bytes:
    """The bytes of a signature file.

    Raises:
        ClaimError: there is none, or one that is too long.
    """
    try:
        with open_file(path) as stream:
            data = stream.read(LONGEST + 1)
    except OSError as error:
        raise ClaimError(
            f"expected a signature of model-signing in {path}: {error.strerror or error}"
        ) from error
    if not 0 < len(data) <= LONGEST:
        raise ClaimError(f"expected a signature of model-signing in {path}, got {len(data)} bytes")
    return data


def check_model_signature(signature: Path, key: Path, manifest: ModelManifest) -> int:
    """Makes sure that the key's owner signed these files of the model.

    Args:
        signature: as `model_signing sign key` writes it.
        key: the signer's public key (PEM; P-256, P-384 or P-521).
        manifest: of the model.

    Returns:
        How many further files were signed, such as a page about the model.

    Raises:
        ClaimError: it is damaged, of another key, or over other files.
        UsageError: the package is not installed, or the key is none.
    """
    signed = _signed(signature, key)
    for name, digest in manifest.digests.items():
        if name not in signed:
            raise ClaimError(f"the model's signature does not cover {name[:120]!r}")
        if signed[name] != digest:
            raise ClaimError(f"the model's signature is over another {name[:120]!r}")
    return len(signed) - len(manifest.digests)


def _signed(signature: Path, key: Path) -> dict[str, str]:
    """SHA-256 of every file that was signed, by name."""
    verifier, parsed = _verifier(key), _parser()
    read_signature(signature)  # bounded before the package reads it
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it remarks on older files there
            found = list(verifier.verify(parsed(signature)).resource_descriptors())
    except REFUSALS as error:
        words = str(error).strip().split("\n")[0][:120]
        raise ClaimError(
            "the model's signature is not that of the given key, or is damaged: "
            f"{words or type(error).__name__}"
        ) from error
    if any(one.digest.algorithm != "sha256" for one in found):
        raise ClaimError(
            "expected a model's signature over SHA-256 of whole files, got other digests; sign "
            "with the package's defaults"
        )
    return {one.identifier: one.digest.digest_hex for one in found}


def _verifier(key: Path) -> Any:
    try:
        from model_signing._signing import sign_ec_key
    except ImportError as error:
        raise UsageError(f"{INSTALL} ({error})") from error
    try:
        return sign_ec_key.Verifier(key)
    except REFUSALS as error:
        raise UsageError(
            f"expected the model signer's public key (PEM, an elliptic curve) in {key}, got none: "
            f"{str(error).splitlines()[0][:100]}"
        ) from error


def _parser() -> Any:
    from model_signing._signing import sign_sigstore_pb

    return sign_sigstore_pb.Signature.read
