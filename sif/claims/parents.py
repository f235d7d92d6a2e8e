"""Models that an auditor knows to have been there before, to compare a claimed one with.

A parent is a folder, a hub id in the cache, a file with a model's digests (model.manifest.json), or
64 hex digits: the root of such a file, or SHA-256 of a file of weights, as the hub shows it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sif.errors import UsageError
from sif.fingerprint.model_manifest import LONGEST, ModelManifest, hash_model
from sif.vlm.model_files import model_folder

DIGEST: Final = re.compile(r"[0-9a-f]{64}")
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A model that may be a parent of the claimed one.

    Attributes:
        source: folder, hub id, file or digest.
        released: since when it is public; none where that is not known.
    """

    source: str
    released: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> "Parent":
        """Reads `SOURCE` or `SOURCE=DATE`, the date in UTC.

        Raises:
            UsageError: no such thing, or no date behind a last `=`.
        """
        source, equals, day = text.rpartition("=")
        if not (equals and DAY.fullmatch(day)):
            source, day = text, ""
        try:
            released = datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
        except ValueError as error:
            raise UsageError(f"expected a date behind {source}=, got {day}") from error
        known = DIGEST.fullmatch(source) or Path(source).is_file() or model_folder(source)
        if not (source and known):
            raise UsageError(
                "expected a parent as a model folder, a hub id in the cache, a file of digests or "
                f"64 hex digits, with =YYYY-MM-DD where its release is known, got {text[:120]!r}"
            )
        return cls(source=source, released=released)

    @property
    def name(self) -> str:
        """The parent in words."""
        if DIGEST.fullmatch(self.source):
            return f"the parent {self.source[:12]}…"
        return f"the parent {Path(self.source).name}"

    def shared(self, model: ModelManifest) -> Mapping[str, str]:
        """Files of the model that are weights of the parent's: SHA-256 (hex) by name.

        Whatever the model calls them: its names are its owner's word.

        Raises:
            ModelError: the parent's files cannot be read.
            FingerprintError: a file that holds no digests.
        """
        if DIGEST.fullmatch(self.source):
            if model.root == self.source:
                return model.weights or model.digests
            theirs = {self.source}
        else:
            theirs = set(self._manifest().weights.values())
        return {name: digest for name, digest in model.digests.items() if digest in theirs}

    def _manifest(self) -> ModelManifest:
        path = Path(self.source)
        if path.is_file():
            with path.open("rb") as stream:
                return ModelManifest.parse(stream.read(LONGEST + 1), where=self.source)
        found = hash_model(self.source)
        assert found is not None  # `parse` has looked
        return found
