"""model.manifest.json: SHA-256 of every file of the model that triggers are made on.

It is the in-toto statement that OpenSSF model signing (the package `model-signing`) signs, so that
whoever has the model can compute it without SIF. Its root, the digest by which a model is called,
is SHA-256 over the digests of the files in the order of their names; the names are not under that
root, but they are in the file, which a claim commits to. Knows nothing of keys or triggers.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sif.errors import FingerprintError, ModelError
from sif.file_digests import Report, sha256_of_files, silent
from sif.vlm.model_files import MOST_FILES, is_weights, model_files, model_folder

MODEL_MANIFEST: Final = "model.manifest.json"
MODEL_SIGNATURE: Final = "model.signature.json"
LONGEST: Final = 1 << 22

Hex256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Digests of this process, by all that says whether a file is still the same.
_hashed: dict[tuple[str, int, int, int], str] = {}


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Resource(_Record):
    """One file and its digest."""

    name: str = Field(min_length=1, max_length=255)
    algorithm: Literal["sha256"] = "sha256"
    digest: Hex256


class Serialization(_Record):
    """How the files were taken: whole, links followed."""

    method: Literal["files"] = "files"
    hash_type: Literal["sha256"] = "sha256"
    allow_symlinks: Literal[True] = True


class Resources(_Record):
    """The predicate: every file in the order of names."""

    serialization: Serialization = Serialization()
    resources: tuple[Resource, ...] = Field(min_length=1, max_length=MOST_FILES)


class Root(_Record):
    """SHA-256 over all digests."""

    sha256: Hex256


class NamedModel(_Record):
    """The subject: what its owner calls the model, and the root."""

    name: str = Field(max_length=255)
    digest: Root


class ModelManifest(_Record):
    """The statement.

    Attributes:
        subject: one, the model.
        predicate: its files.
    """

    type: Literal["https://in-toto.io/Statement/v1"] = Field(
        default="https://in-toto.io/Statement/v1", alias="_type"
    )
    subject: tuple[NamedModel]
    predicate_type: Literal["https://model_signing/signature/v1.0"] = Field(
        default="https://model_signing/signature/v1.0", alias="predicateType"
    )
    predicate: Resources

    @classmethod
    def of(cls, name: str, digests: dict[str, str]) -> "ModelManifest":
        """The manifest of files with these digests (hex), by name."""
        ordered = sorted(digests.items(), key=lambda pair: PurePosixPath(pair[0]))
        files = tuple(Resource(name=file, digest=digest) for file, digest in ordered)
        named = NamedModel(name=name[:255], digest=Root(sha256=root_of(files)))
        return cls(subject=(named,), predicate=Resources(resources=files))

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> "ModelManifest":
        """Reads the file.

        Raises:
            FingerprintError: something else, too long, or a root that is not that of its files.
        """
        try:
            if len(data) > LONGEST:
                raise ValueError("too long")
            return cls.model_validate_json(data)
        except (ValidationError, ValueError) as error:
            raise FingerprintError(
                f"expected in {where} the digests of a model's files as `sif fingerprint` writes "
                "them, got something else; restore it from the owner's copy"
            ) from error

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "ModelManifest":
        files = self.predicate.resources
        names = [PurePosixPath(file.name) for file in files]
        if names != sorted(set(names)):
            raise ValueError("expected every file once, in the order of names")
        if root_of(files) != self.root:
            raise ValueError("expected the root of the files that are named")
        return self

    @property
    def root(self) -> str:
        """The model's digest: 64 hex digits."""
        return self.subject[0].digest.sha256

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 (hex) of every file by name."""
        return {file.name: file.digest for file in self.predicate.resources}

    @property
    def weights(self) -> dict[str, str]:
        """SHA-256 (hex) of the files with weights by name."""
        return {name: digest for name, digest in self.digests.items() if is_weights(name)}

    def data(self) -> bytes:
        """The file."""
        content = self.model_dump(mode="json", by_alias=True)
        return json.dumps(content, indent=2, ensure_ascii=False).encode()


def root_of(files: tuple[Resource, ...]) -> str:
    """SHA-256 over the digests of files, in their order."""
    return hashlib.sha256(b"".join(bytes.fromhex(file.digest) for file in files)).hexdigest()


def hash_model(
    source: str, *, commit: str | None = None, report: Report = silent
) -> ModelManifest | None:
    """Reads and hashes all files of a model, once in a process.

    Args:
        source: folder or hub id, of which the cache is read.
        commit: of the hub's repository, where it is known.
        report: is told bytes done and in all.

    Returns:
        None where there are no files, as of a model that was made in memory.

    Raises:
        ModelError: files that cannot be read, or that are no model.
    """
    folder = model_folder(source, commit=commit)
    if folder is None:
        return None
    files = model_files(folder)
    try:
        states = {name: _state(path) for name, path in files.items()}
        new = {name: files[name] for name, state in states.items() if state not in _hashed}
        fresh = sha256_of_files(new, report)
    except OSError as error:
        raise ModelError(f"cannot read the model in {folder}: {error.strerror}") from error
    _hashed.update({states[name]: digest for name, digest in fresh.items()})
    name = folder.resolve().name if Path(source).expanduser().is_dir() else source
    return ModelManifest.of(name, {name: _hashed[state] for name, state in states.items()})


def read_model_manifest(fingerprint: Path) -> ModelManifest | None:
    """That of a fingerprint's folder; None in fingerprints from before, and of no model on disk.

    Raises:
        FingerprintError: something else lies there.
    """
    path = fingerprint / MODEL_MANIFEST
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return ModelManifest.parse(stream.read(LONGEST + 1), where=str(path))


def _state(path: Path) -> tuple[str, int, int, int]:
    seen = path.stat()
    return str(path), seen.st_size, seen.st_mtime_ns, seen.st_ino
