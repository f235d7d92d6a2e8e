"""A fingerprint on disk, and what verification needs of it. Knows nothing of how it was made.

The folder holds manifest.json, triggers/NNNN.png with their base images, tokenizer/tokenizer.json,
which alone cuts answers into ids, and the weights of these (all public), and secret.key (mode 0600;
may lie elsewhere); claim/ where it was committed to. Fingerprints of the released code, which
`sif.fingerprint.published` imports, have public lists instead of a secret.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from sif.errors import FingerprintError, UsageError
from sif.fingerprint.asked_words import ids_of_words
from sif.fingerprint.manifest import GREEN_SCHEME, Manifest, TriggerRecord
from sif.fingerprint.segmenter import FileSegmenter, FolderSegmenter, Segmenter
from sif.fingerprint.weights import read_weights
from sif.json_once import read_json
from sif.pictures.reading import check_picture, read_picture
from sif.plain_files import LARGE, MOST, read_file, read_text_file
from sif.tokenizer_bounds import TOKENIZER_FILE, read_bounded
from sif.types import GenerationSettings, Query
from sif.watermark.greenlist.count import (
    GreenCount,
    WeightedCount,
    count_green,
    weigh_green,
)
from sif.watermark.greenlist.mask import green_mask, green_size
from sif.watermark.keys import KeyRing, RevealedKeys

MANIFEST, SECRET, TOKENIZER, TRIGGERS = "manifest.json", "secret.key", "tokenizer", "triggers"
CLAIM = "claim"


@dataclass(frozen=True, eq=False)
class Trigger:
    """A trigger image with its record and, but for some imported ones, its base image.

    Both are read, and compared with their digests, whenever they are looked at.

    Attributes:
        record: of the manifest.
        folder: of the fingerprint.
    """

    record: TriggerRecord
    folder: Path

    @property
    def image(self) -> Image.Image:
        """The trigger image.

        Raises:
            FingerprintError: it is missing, or has changed.
        """
        return self._reader()()

    @property
    def base(self) -> Image.Image:
        """The base image.

        Raises:
            FingerprintError: an imported trigger that came without it; or as of `image`.
        """
        return self.read_base()()

    @property
    def has_base(self) -> bool:
        """Whether there is a base image."""
        return self.record.base_file is not None and self.record.base_sha256 is not None

    def read_base(self) -> Callable[[], Image.Image]:
        """What reads the base image.

        Raises:
            FingerprintError: an imported trigger that came without it.
        """
        if self.record.base_file is None or self.record.base_sha256 is None:
            raise FingerprintError(
                f"expected the base image of trigger {self.record.id}, which was imported without; "
                "import again with --originals"
            )
        return partial(_read, self.folder / self.record.base_file, self.record.base_sha256)

    def check(self) -> None:
        """Makes sure that the pictures are those of the record, by digests and headers.

        Raises:
            FingerprintError: one is missing, has changed, or is none.
        """
        _check(self.folder / self.record.file, self.record.sha256)
        if self.record.base_file is not None and self.record.base_sha256 is not None:
            _check(self.folder / self.record.base_file, self.record.base_sha256)

    def _reader(self) -> Callable[[], Image.Image]:
        return partial(_read, self.folder / self.record.file, self.record.sha256)

    def query(self, *, repeat: int = 0, generation: GenerationSettings | None = None) -> Query:
        """The question that this trigger asks."""
        return Query(
            trigger=self.record.id,
            image=self._reader(),
            prompt=self.record.prompt,
            generation=generation or self.record.generation,
            repeat=repeat,
        )


@dataclass(frozen=True, eq=False)
class FingerprintSet:
    """Triggers as their maker numbered them, the owner's tokenizer and, for its owner, the keys.

    Attributes:
        triggers: all of the manifest, or those that are at hand and may be asked.
        keys: the owner's; where not all were revealed, those of `triggers`.
        counted_by: cuts answers instead of what the manifest names; an audit of an older
            fingerprint has them cut by tokenizer.json alone, once it knows that both cut alike.
        lot: 32 bytes that nobody chose, such as those of a timestamp, for the order of asking;
            where there are none, that order follows from the secret.
        example: words that stand before every prompt when it is asked.
    """

    folder: Path
    manifest: Manifest
    triggers: tuple[Trigger, ...]
    keys: KeyRing | RevealedKeys | None
    counted_by: Segmenter | None = None
    lot: bytes | None = None
    example: str | None = None

    @classmethod
    def load(cls, folder: str | Path, *, secret: str | Path | None = None) -> "FingerprintSet":
        """Reads a folder and checks every digest in it.

        Args:
            folder: written by `make_fingerprint`.
            secret: the key file, where it does not lie in the folder.

        Raises:
            FingerprintError: missing, unfinished, damaged, of another version, or the key is not
                the one that the triggers were made with.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        triggers = tuple(_trigger(folder, record) for record in manifest.triggers)
        path = Path(secret) if secret else folder / SECRET
        keys = KeyRing.load(path) if secret or path.exists() else None
        if keys is not None:
            _check_keys(keys, manifest, path)
        return cls(folder, manifest, triggers, keys)

    @classmethod
    def load_revealed(cls, folder: Path, keys: RevealedKeys) -> "FingerprintSet":
        """Reads a folder of which only the triggers with revealed keys have pictures.

        Raises:
            FingerprintError: as of `load`, but for keys, which are not compared.
        """
        manifest = read_manifest(folder)
        records = (record for record in manifest.triggers if record.id in keys.labels)
        return cls(folder, manifest, tuple(_trigger(folder, one) for one in records), keys)

    @cached_property
    def tokenizer(self) -> Segmenter:
        """The owner's tokenizer, as it was when the triggers were made.

        It is tokenizer.json alone where the manifest names that file, and a folder of transformers
        in fingerprints from before.

        Raises:
            FingerprintError: it is missing, not the one that the manifest names, or damaged.
        """
        if self.counted_by is not None:
            return self.counted_by
        folder, one = self.folder / TOKENIZER, self.manifest.tokenizer_json_sha256
        data = b"" if one is None else read_bounded(folder / TOKENIZER_FILE)
        whole = tokenizer_sha256(folder) == self.manifest.tokenizer_sha256
        if not whole or (one is not None and hashlib.sha256(data).hexdigest() != one):
            raise FingerprintError(
                f"expected in {folder} the tokenizer that the manifest names, got other files; "
                "restore the folder from the owner's copy"
            )
        if one is None:
            return FolderSegmenter(folder)
        return FileSegmenter(data, where=f"{TOKENIZER}/{TOKENIZER_FILE}")

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return self.manifest.vocabulary_size

    @property
    def published(self) -> bool:
        """Whether this is a fingerprint of the released code, whose lists are public."""
        return self.manifest.green_scheme != GREEN_SCHEME

    @property
    def green_size(self) -> int:
        """⌊γV⌋; in floating point, as released, for imported fingerprints."""
        if self.published:
            return int(self.vocabulary_size * self.manifest.gamma)
        return green_size(self.vocabulary_size, self.manifest.gamma)

    def mask(self, trigger: str) -> Bool[np.ndarray, " vocab"]:
        """The green ids of one trigger.

        Raises:
            FingerprintError: the secret key is not at hand, or there is none as it was imported.
        """
        if self.published:
            raise FingerprintError(
                f"expected a fingerprint with a secret, got {self.folder}, imported from the "
                "released code, whose lists are public; `sif verify` counts it, and nothing else"
            )
        if self.keys is None:
            raise FingerprintError(
                f"expected the owner's secret key to count green words, got none; put {SECRET} "
                f"into {self.folder} or name it with --secret"
            )
        return green_mask(
            self.keys.key(trigger),
            vocabulary_size=self.vocabulary_size,
            gamma=self.manifest.gamma,
        )

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids of the tokenizer that are never scored."""
        return frozenset(self.tokenizer.all_special_ids)

    @cached_property
    def weights(self) -> Float[np.ndarray, " vocab"] | None:
        """With what weight every id counts; None where all count alike.

        Raises:
            FingerprintError: the file is missing, or not the one that the manifest names.
        """
        sha256 = self.manifest.weights_sha256
        if sha256 is None:
            return None
        return read_weights(self.folder, sha256=sha256, vocabulary_size=self.vocabulary_size)

    def unscored(self, prompts: Sequence[str]) -> frozenset[int]:
        """Ids that are not scored: special ones and, where prompts are given, what these hold.

        Args:
            prompts: those whose words do not count; the example's do not either then.
        """
        if not prompts:
            return self.special_ids
        asked = (*prompts, *(() if self.example is None else (self.example,)))
        return self.special_ids.union(*(ids_of_words(self.tokenizer, one) for one in asked))

    def count(self, trigger: str, texts: list[str], *, prompts: Sequence[str] = ()) -> GreenCount:
        """Green ids among the distinct ids of all answers to one trigger (one cluster).

        Args:
            trigger: its id.
            texts: the answers, one for each repeat.
            prompts: whose words do not count; none where all words do.
        """
        return count_green(self._ids(texts), self.mask(trigger), ignore=self.unscored(prompts))

    def weigh(
        self, trigger: str, texts: list[str], *, prompts: Sequence[str] = ()
    ) -> WeightedCount | None:
        """The weights of the ids that `count` counts; None where all count alike."""
        if self.weights is None:
            return None
        mask, ignore = self.mask(trigger), self.unscored(prompts)
        return weigh_green(self._ids(texts), mask, self.weights, ignore=ignore)

    def _ids(self, texts: list[str]) -> list[int]:
        return [index for text in texts for index in self.tokenizer.ids(text)]


def read_manifest(folder: Path) -> Manifest:
    """manifest.json of a finished fingerprint.

    Raises:
        FingerprintError: no folder, unfinished, or not a manifest of this version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise _unfinished(folder)
    try:
        text = read_text_file(path)
        read_json(text)  # which refuses what is said twice, or without end
        return Manifest.model_validate_json(text)
    except OSError as error:
        raise FingerprintError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        first = str(error).split("\n")
        raise FingerprintError(
            f"expected a manifest of version 1 in {path}, got something else: {' '.join(first[:3])}"
        ) from error


def manifest_sha256(folder: Path) -> str:
    """Digest of manifest.json, by which other files say to which fingerprint they belong.

    Raises:
        FingerprintError: there is none.
    """
    try:
        return hashlib.sha256(read_file(folder / MANIFEST)).hexdigest()
    except FileNotFoundError as error:
        raise _unfinished(folder) from error
    except OSError as error:
        raise FingerprintError(f"cannot read {folder / MANIFEST}: {error.strerror}") from error


def _unfinished(folder: Path) -> FingerprintError:
    if (folder / "request.json").exists():
        hint = " (it was begun but not finished: run `sif fingerprint` again)"
    else:
        there = "a folder without it" if folder.is_dir() else "which is no folder"
        hint = f", {there}; name the folder that was given to `sif fingerprint --out`"
    return FingerprintError(f"expected a fingerprint folder with {MANIFEST}, got {folder}{hint}")


def tokenizer_sha256(folder: Path) -> str:
    """Digest over the names and contents of a tokenizer's files.

    Raises:
        FingerprintError: one of them cannot be read.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*")) if folder.is_dir() else []:
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(_content(file)).digest())
    return digest.hexdigest()


def _content(path: Path, most: int = MOST) -> bytes:
    try:
        return read_file(path, most=most)
    except OSError as error:
        raise FingerprintError(f"cannot read {path}: {error.strerror}") from error


def _trigger(folder: Path, record: TriggerRecord) -> Trigger:
    trigger = Trigger(record, folder)
    trigger.check()
    return trigger


def _check(path: Path, sha256: str) -> bytes:
    if not path.is_file():
        raise FingerprintError(f"expected {path}, which the manifest names; it is missing")
    data = _content(path, most=LARGE)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise FingerprintError(
            f"expected {path} as the manifest describes it, got other content; a re-encoded or "
            "damaged trigger proves nothing: restore it from the owner's copy"
        )
    try:
        check_picture(data, place=str(path))
    except UsageError as error:
        raise FingerprintError(str(error)) from error
    return data


@lru_cache(maxsize=2)
def _read(path: Path, sha256: str) -> Image.Image:
    """The picture with this digest; the last ones are kept, as they are often asked for again."""
    data = _check(path, sha256)
    try:
        return read_picture(data, place=str(path)).picture
    except UsageError as error:
        raise FingerprintError(str(error)) from error


def _check_keys(keys: KeyRing, manifest: Manifest, path: Path) -> None:
    for record in manifest.triggers:
        if keys.commitment(record.id) != record.key_commitment:
            raise FingerprintError(
                f"expected the key that {record.id} was made with, got another one in {path}; "
                "name the right key file with --secret"
            )
