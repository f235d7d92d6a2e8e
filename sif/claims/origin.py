"""What a claim says of the model that triggers were made on, brought in before it is signed.

Both files lie beside the manifest, FP/model.manifest.json and FP/model.signature.json, and so are
among the files that the commitment names.
"""

from pathlib import Path

from sif.claims.canonical import sha256
from sif.claims.folder import COMMITMENT, claim_of
from sif.claims.model_signature import read_signature
from sif.errors import ClaimError, FingerprintError, ModelError
from sif.file_digests import Report, silent
from sif.files import write_atomically
from sif.fingerprint.folder import read_manifest
from sif.fingerprint.model_manifest import (
    MODEL_MANIFEST,
    MODEL_SIGNATURE,
    ModelManifest,
    hash_model,
    read_model_manifest,
)
from sif.plain_files import read_file
from sif.suspects.weights import weights_digest


def bring_model(fingerprint: Path, source: str, report: Report = silent) -> ModelManifest:
    """Hashes the model again and makes sure that it is the one that triggers were made on.

    A fingerprint from before, which lacks the digests, gets them.

    Args:
        fingerprint: its folder.
        source: of the model, folder or hub id.
        report: is told bytes done and in all.

    Raises:
        ModelError: there are no files.
        ClaimError: it is another model, or the digests come after the commitment.
        FingerprintError: a damaged fingerprint.
    """
    found = hash_model(source, report=report)
    if found is None:
        raise ModelError(
            f"expected the folder of your model, or a hub id whose files are in the cache, got "
            f"{source!r}, where nothing lies"
        )
    record, there = read_manifest(fingerprint).model, read_model_manifest(fingerprint)
    if there is not None:
        if there.digests != found.digests:
            raise ClaimError(_other(there, found, source))
        return there
    if record.model_sha256 is not None:
        raise FingerprintError(
            f"expected {fingerprint / MODEL_MANIFEST}, which is missing; restore it from your copy"
        )
    if record.digest is not None and record.digest != weights_digest(source):
        raise ClaimError(f"{source} is another model than the one that triggers were made on")
    _add(fingerprint, MODEL_MANIFEST, found.data())
    return found


def bring_signature(fingerprint: Path, signature: Path) -> None:
    """Puts a model's signature beside the manifest; whose it is, the auditor checks.

    Raises:
        ClaimError: it cannot be read, or another one was committed to.
        StorageError: the folder cannot be written.
    """
    _add(fingerprint, MODEL_SIGNATURE, read_signature(signature))


def _add(fingerprint: Path, name: str, data: bytes) -> None:
    path = fingerprint / name
    if path.exists() and sha256(read_file(path)) == sha256(data):
        return
    if (claim_of(fingerprint) / COMMITMENT).exists():
        raise ClaimError(
            f"{claim_of(fingerprint)} holds a commitment already, with another {name} or none; a "
            "commitment is never replaced: move the folder away and begin a new claim"
        )
    write_atomically(path, data)


def _other(there: ModelManifest, found: ModelManifest, source: str) -> str:
    differs = next(
        name
        for name in sorted({*there.digests, *found.digests})
        if there.digests.get(name) != found.digests.get(name)
    )
    return (
        f"{source} is not the model that triggers were made on: {differs[:120]!r} differs; name "
        "the same files, or make a new fingerprint"
    )
