"""Where an attacked model comes from: source, attacks in order, versions; a JSON file beside it.

Knows nothing of how attacks work.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, ValidationError

from sif.errors import StorageError
from sif.plain_files import read_text_file

FILE: Final = "provenance.json"
LIBRARIES: Final = ("torch", "transformers", "accelerate", "peft", "bitsandbytes")
WEIGHTS: Final = ("*.safetensors", "*.bin", "config.json")


class Record(BaseModel):
    """One attack: its name, its hyper-parameters, and what happened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attack: str
    parameters: dict[str, JsonValue]
    facts: dict[str, JsonValue]


class Provenance(BaseModel):
    """The history of one attacked model.

    Attributes:
        source: folder or hub id of the model attacked, as it was named.
        source_digest: SHA-256 of its configuration and weight files.
        device: where the attacks ran.
        attacks: in the order in which they were carried out.
        libraries: their versions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    source: str
    source_digest: str
    device: str
    attacks: tuple[Record, ...]
    libraries: dict[str, str]
    created: AwareDatetime

    @classmethod
    def load(cls, folder: Path) -> "Provenance":
        """Reads it from a model folder.

        Raises:
            StorageError: there is none, or it is damaged.
        """
        try:
            return cls.model_validate_json(read_text_file(folder / FILE))
        except (OSError, ValidationError) as error:
            reason = str(error).split("\n")[0]
            raise StorageError(f"expected a {FILE} in {folder}: {reason}") from error


def describe(
    source: str | Path, *, device: str, attacks: Iterable[Record], created: datetime
) -> Provenance:
    """Puts the provenance of an attacked model together."""
    return Provenance(
        source=str(source),
        source_digest=digest_source(source),
        device=device,
        attacks=tuple(attacks),
        libraries={name: version(name) for name in LIBRARIES},
        created=created,
    )


def digest_source(source: str | Path) -> str:
    """SHA-256 (hex) over the names and contents of a model's configuration and weight files."""
    digest = hashlib.sha256()
    folder = _folder_of(source)
    for file in sorted(path for pattern in WEIGHTS for path in folder.glob(pattern)):
        with file.open("rb") as content:
            digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _folder_of(source: str | Path) -> Path:
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(str(source), local_files_only=True))
