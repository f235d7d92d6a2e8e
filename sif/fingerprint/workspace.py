"""The folder while a fingerprint is being made: resumable, each trigger whole or not there."""

import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from pydantic import ValidationError

from sif.difference import differences
from sif.errors import FingerprintError, StorageError
from sif.files import write_atomically, writing
from sif.fingerprint.folder import (
    CLAIM,
    MANIFEST,
    SECRET,
    TOKENIZER,
    TRIGGERS,
    read_manifest,
    tokenizer_sha256,
)
from sif.fingerprint.manifest import Manifest, Request, TriggerRecord
from sif.fingerprint.model_manifest import MODEL_MANIFEST, MODEL_SIGNATURE, ModelManifest
from sif.fingerprint.segmenter import tokenizer_json
from sif.fingerprint.weights import WEIGHTS, WeightTable
from sif.plain_files import LARGE, read_file, read_text_file
from sif.staging import is_staged, sweep
from sif.tokenizer_bounds import TOKENIZER_FILE
from sif.watermark.keys import KeyRing

REQUEST = "request.json"
SHARD, SHARE, CHANCES = "shard.json", "share.json", "chances"
"""Of a share: whose it is, what it says of itself once it is finished, what its words weigh."""
ADDED_LATER = ("calibration.json", "calibration", CLAIM, MODEL_SIGNATURE)
HALF_WRITTEN = re.compile(r"\.[^.].*\.(json|key|png)\.[a-z0-9_]{8}")


class TokenizerDigests(NamedTuple):
    """SHA-256 of a fingerprint's tokenizer, as its manifest names them."""

    tokenizer_sha256: str
    tokenizer_json_sha256: str


class Workspace:
    """A fingerprint folder in the making.

    Args:
        folder: new, or left by an interrupted run with the same request.
        shard: whether it holds a share of a fingerprint, and never a secret.

    Raises:
        FingerprintError: the folder holds another fingerprint, or something else.
        StorageError: it cannot be written.
    """

    def __init__(self, folder: Path, *, shard: bool = False) -> None:
        self.folder = folder
        known = {REQUEST, TOKENIZER, TRIGGERS, MODEL_MANIFEST}
        known |= {SHARD, SHARE, CHANCES} if shard else {MANIFEST, SECRET, WEIGHTS, *ADDED_LATER}
        strangers = sorted(
            path.name
            for path in folder.glob("*")
            if path.name not in known and not _is_half_written(path) and not is_staged(path)
        )
        if strangers or (folder.exists() and not folder.is_dir()):
            raise FingerprintError(
                f"expected a new folder or an unfinished {'share' if shard else 'fingerprint'}, "
                f"got {folder} with "
                f"{', '.join(strangers[:3]) or 'a file'}; name another folder with --out"
            )

    def open_keys(self, given: KeyRing | None) -> KeyRing:
        """The secret of this fingerprint: `given`, the one in the folder, or a fresh one.

        Raises:
            FingerprintError: the folder has another secret than `given`.
        """
        path = self.folder / SECRET
        if path.exists():
            kept = KeyRing.load(path)
            if given is not None and given != kept:
                raise FingerprintError(
                    f"expected the key of the interrupted run in {path}, got another one; use "
                    "the same key or another folder: keys are never replaced"
                )
            return kept
        keys = given or KeyRing.generate()
        with writing(path):
            self.folder.mkdir(parents=True, exist_ok=True)
        keys.save(path)
        return keys

    def claim(self, request: Request) -> None:
        """Makes sure that the folder is for this request.

        Raises:
            FingerprintError: it was begun for another.
        """
        path = self.folder / REQUEST
        self._sweep()
        if not path.exists():
            write_atomically(path, request.model_dump_json(indent=2))
            return
        try:
            begun = Request.model_validate_json(read_text_file(path))
        except ValidationError as error:
            raise FingerprintError(
                f"expected a request of version 1 in {path}, got something else; use a new folder"
            ) from error
        if begun.model.model_sha256 is None:  # begun before whole models were hashed
            model = request.model.model_copy(update={"model_sha256": None})
            request = request.model_copy(update={"model": model})
        if begun != request:
            changed = differences(begun.model_dump(mode="json"), request.model_dump(mode="json"))
            raise FingerprintError(
                f"expected the settings that {self.folder} was begun with, got others ({changed}); "
                "use the same ones or another folder"
            )

    def _sweep(self) -> None:
        """Removes what a killed run had begun to write."""
        with writing(self.folder):
            for room in (self.folder, self.folder / TRIGGERS):
                sweep(room)
                for path in filter(_is_half_written, list(room.glob(".*"))):
                    path.unlink(missing_ok=True)

    def finished(self) -> Manifest | None:
        """The manifest, where the fingerprint is complete."""
        return read_manifest(self.folder) if (self.folder / MANIFEST).exists() else None

    def record(self, trigger: str) -> TriggerRecord | None:
        """The record of a trigger that has been made, if its files are as they were written."""
        path = self.folder / TRIGGERS / f"{trigger}.json"
        try:
            record = TriggerRecord.model_validate_json(read_text_file(path))
            for file, sha256 in (
                (record.file, record.sha256),
                (record.base_file, record.base_sha256),
            ):
                data = read_file(self.folder / str(file), most=LARGE)
                if hashlib.sha256(data).hexdigest() != sha256:
                    return None
        except (OSError, ValueError):  # no files, or no record
            return None
        return record

    def records(self, triggers: Iterable[str]) -> list[TriggerRecord]:
        """Of triggers that have been made.

        Raises:
            StorageError: one of them is gone again.
        """
        found = [self.record(trigger) for trigger in triggers]
        if None in found:
            raise StorageError(
                f"expected the triggers that were just written into {self.folder / TRIGGERS}, got "
                "changed or missing files; run the same command again, alone in that folder"
            )
        return [record for record in found if record is not None]

    def write_images(self, trigger: str, image: bytes, base: bytes) -> dict[str, Any]:
        """Saves both pictures (PNG); returns names and digests as fields of the record."""
        fields: dict[str, str] = {}
        for prefix, suffix, data in (("", ".png", image), ("base_", ".base.png", base)):
            name = f"{TRIGGERS}/{trigger}{suffix}"
            write_atomically(self.folder / name, data)
            fields |= {f"{prefix}file": name, f"{prefix}sha256": hashlib.sha256(data).hexdigest()}
        return fields

    def write_record(self, record: TriggerRecord) -> None:
        """Marks a trigger as made."""
        path = self.folder / TRIGGERS / f"{record.id}.json"
        write_atomically(path, record.model_dump_json(indent=2))

    def write_tokenizer(self, tokenizer: Any) -> TokenizerDigests:
        """Saves what cuts answers as the owner's tokenizer does, whole or not at all: one file.

        Raises:
            ModelError: the tokenizer cannot be written as one file.
        """
        target, data = self.folder / TOKENIZER, tokenizer_json(tokenizer)
        kept = {path.name: read_file(path) for path in target.glob("*") if path.is_file()}
        if kept != {TOKENIZER_FILE: data}:
            staging = self.folder / TRIGGERS / ".tokenizer"
            shutil.rmtree(staging, ignore_errors=True)
            with writing(target):
                write_atomically(staging / TOKENIZER_FILE, data)
                shutil.rmtree(target, ignore_errors=True)  # of an unfinished run of an older SIF
                staging.rename(target)
        return TokenizerDigests(tokenizer_sha256(target), hashlib.sha256(data).hexdigest())

    def write_weights(self, weights: Float[np.ndarray, " vocab"]) -> str:
        """Saves with what weight every id counts; returns the file's digest."""
        data = WeightTable.of(weights).model_dump_json().encode()
        write_atomically(self.folder / WEIGHTS, data)
        return hashlib.sha256(data).hexdigest()

    def write_model(self, files: ModelManifest) -> None:
        """Saves the digests of the model's files."""
        write_atomically(self.folder / MODEL_MANIFEST, files.data())

    def finish(self, manifest: Manifest) -> None:
        """Writes the manifest, which completes the fingerprint."""
        write_atomically(self.folder / MANIFEST, manifest.model_dump_json(indent=2))


def _is_half_written(path: Path) -> bool:
    """Whether it is the temporary file of an older SIF for one of our own."""
    return HALF_WRITTEN.fullmatch(path.name) is not None
