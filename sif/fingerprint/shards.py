"""Shares of one fingerprint made apart, and the fingerprint that they make together.

A share's folder holds the whole request, its own triggers and how freely the model chose the words
about their base pictures, but never the secret. Joined they are the files that one making would
have written. Knows nothing of how triggers are made.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.difference import differences
from sif.errors import FingerprintError, UsageError
from sif.files import write_atomically
from sif.fingerprint.folder import TOKENIZER, TRIGGERS, FingerprintSet
from sif.fingerprint.make import manifest_of
from sif.fingerprint.making import Report, at_work, silent
from sif.fingerprint.manifest import Manifest, Request, TriggerRecord
from sif.fingerprint.model_manifest import MODEL_MANIFEST
from sif.fingerprint.plan import Wish, batches_of, trigger_id
from sif.fingerprint.predictability import Chances, weights_of
from sif.fingerprint.workspace import CHANCES, REQUEST, SHARD, SHARE, Workspace
from sif.plain_files import LARGE, read_file, read_text_file
from sif.scale.shard import MOST, Shard
from sif.scale.workforce import Workforce
from sif.watermark.keys import KeyRing

M = TypeVar("M", bound=BaseModel)
LABEL: Final = "request"
"""Of the key whose commitment stands in a request."""


class Mark(BaseModel):
    """shard.json: whose share it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    number: int = Field(ge=1, le=MOST)
    of: int = Field(ge=1, le=MOST)

    @property
    def shard(self) -> Shard:
        """As a value."""
        return Shard(self.number, self.of)


def make_shard(
    wish: Wish,
    *,
    out: str | Path,
    shard: Shard,
    workforce: Workforce | None = None,
    report: Report = silent,
) -> list[TriggerRecord]:
    """Makes a share of a fingerprint in a folder of its own; called again it goes on.

    Args:
        wish: what is asked for, the same in all shares, with the secret.
        out: the folder.
        shard: which share.
        workforce: who makes it; this process where None.
        report: called after every step.

    Raises:
        UsageError: no secret.
        FingerprintError: the folder belongs to something else, or to another share.
        SifError: as of `make_fingerprint`.
    """
    if wish.keys is None:
        raise UsageError(
            "expected the secret that all shares have in common, got none; make a key file once "
            "(sif.KeyRing.generate().save('my.key')) and give its keys to each share"
        )
    workspace = Workspace(Path(out), shard=True)
    done = (workspace.folder / SHARE).exists()
    content = None if done else wish.study()
    files = wish.files()
    plan = wish.planned(wish.keys, content=content, files=files)
    workspace.claim(plan.request)
    _mark(workspace.folder, shard)
    own = shard.among(plan.batches())
    if not done:
        if files is not None:
            workspace.write_model(files)
        tokenizer = workspace.write_tokenizer(plan.vlm.tokenizer)
        with at_work(plan, workforce or Workforce(), report) as making:
            making.make(own, workspace)
            records = [workspace.records(map(trigger_id, batch)) for batch in own]
            for batch, chances in zip(own, making.weigh(records, workspace), strict=True):
                write_atomically(_chances_file(workspace.folder, batch), _as_bytes(chances))
        triggers = [record for some in records for record in some]
        share = manifest_of(plan, tokenizer, triggers, weights_sha256=None)
        write_atomically(workspace.folder / SHARE, share.model_dump_json(indent=2))
    return [record for batch in own for record in workspace.records(map(trigger_id, batch))]


def merge_shards(
    shards: Sequence[str | Path], *, out: str | Path, keys: KeyRing | None = None
) -> FingerprintSet:
    """Joins all shares of one fingerprint; called again after an interruption it goes on.

    Args:
        shards: their folders, in any order.
        out: folder of the whole.
        keys: the secret, which is then kept in it; without, the whole is its public half alone.

    Raises:
        UsageError: shares are missing, unfinished or given twice.
        FingerprintError: they are not of one request, damaged, or of another secret.
        StorageError: the folder cannot be written.
    """
    found = _in_order([Path(folder) for folder in shards])
    first = found[0]
    for other in found[1:]:
        _same(first, other)
    request, there = first.request, sum(len(share.manifest.triggers) for share in found)
    if there != request.count:
        raise FingerprintError(
            f"expected {request.count} triggers in all shares, got {there}; run the commands of "
            "the shares again in new folders"
        )
    if keys is not None and keys.commitment(LABEL) != request.key_commitment:
        raise FingerprintError(
            f"expected the secret that the shares in {first.folder} were made with, got another; "
            "give the file that --secret named there"
        )
    workspace = Workspace(Path(out))
    if keys is not None:
        workspace.open_keys(keys)
    workspace.claim(request)
    if workspace.finished() is None:
        _join(found, workspace, keys)
    return FingerprintSet.load(workspace.folder)


class _Share:
    """A finished share on disk.

    Args:
        folder: of it.

    Raises:
        UsageError: no share, or not finished.
        FingerprintError: it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / SHARD).is_file():
            raise UsageError(
                f"expected the folder of a share, written with --shard, got {folder}; name those "
                "folders behind the one of the whole"
            )
        self.shard = _read(folder / SHARD, Mark).shard
        if not (folder / SHARE).is_file():
            raise UsageError(
                f"expected finished shares, got {self.shard} in {folder}, which is not; run its "
                "command again, which goes on where it stopped"
            )
        self.request = _read(folder / REQUEST, Request)
        self.manifest = _read(folder / SHARE, Manifest)
        self.workspace = Workspace(folder, shard=True)

    def facts(self) -> dict[str, object]:
        """All that shares of one fingerprint have in common."""
        stated = self.manifest.model_dump(mode="json", exclude={"created", "triggers"})
        room = self.folder / TOKENIZER
        if not room.is_dir():
            raise _damaged(room)
        names = [f"{TOKENIZER}/{path.name}" for path in sorted(room.iterdir())]
        names += [MODEL_MANIFEST] if (self.folder / MODEL_MANIFEST).exists() else []
        files = {name: hashlib.sha256(_data(self.folder / name)).hexdigest() for name in names}
        return {"request": self.request.model_dump(mode="json"), "stated": stated, "files": files}


def _in_order(folders: Sequence[Path]) -> list[_Share]:
    """All shares, each once."""
    found: dict[int, _Share] = {}
    for folder in folders:
        share = _Share(folder)
        other = found.setdefault(share.shard.number, share)
        if other is not share:
            raise UsageError(
                f"expected every share once, got {share.shard} in {other.folder} and in {folder}; "
                "leave one out"
            )
    if not found:
        raise UsageError("expected the folders of shares, got none; name all of them")
    several = {share.shard.of for share in found.values()}
    if len(several) > 1:
        raise UsageError(
            f"expected shares of one number, got some of {min(several)} and some of "
            f"{max(several)}; name those that belong together"
        )
    (of,) = several
    missing = [str(Shard(number, of)) for number in range(1, of + 1) if number not in found]
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise UsageError(
            f"expected all {of} shares, got {len(found)}: {', '.join(missing[:10])}{more} missing; "
            "name their folders too"
        )
    return [found[number] for number in range(1, of + 1)]


def _same(one: _Share, other: _Share) -> None:
    facts = one.facts(), other.facts()
    if facts[0] != facts[1]:
        raise FingerprintError(
            f"expected shares of one request, got others in {one.folder} and {other.folder} "
            f"({differences(*facts)}); name those that were made by the same command"
        )


def _join(shares: Sequence[_Share], workspace: Workspace, keys: KeyRing | None) -> None:
    first, request = shares[0], shares[0].request
    batches = batches_of(request)
    for path in sorted((first.folder / TOKENIZER).iterdir()):
        write_atomically(workspace.folder / TOKENIZER / path.name, _data(path))
    if (first.folder / MODEL_MANIFEST).exists():
        write_atomically(workspace.folder / MODEL_MANIFEST, _data(first.folder / MODEL_MANIFEST))
    triggers: list[TriggerRecord] = []
    for place, batch in enumerate(batches):
        share = shares[place % len(shares)]
        for name in map(trigger_id, batch):
            triggers.append(_take(share, name, workspace, keys))
    weights = workspace.write_weights(weights_of(_all_chances(shares, batches)))
    whole = {"weights_sha256": weights, "triggers": tuple(triggers)}
    workspace.finish(first.manifest.model_copy(update=whole))


def _take(share: _Share, name: str, workspace: Workspace, keys: KeyRing | None) -> TriggerRecord:
    """Copies a trigger, whole or not at all."""
    record = share.workspace.record(name)
    stated = [one for one in share.manifest.triggers if one.id == name]
    if record is None or [record] != stated:
        raise FingerprintError(
            f"expected trigger {name} in {share.folder} as it was made, got a changed or missing "
            f"one; remove {SHARE} there and run the command of that share again"
        )
    if keys is not None and keys.commitment(name) != record.key_commitment:
        raise FingerprintError(f"expected trigger {name} under the given secret, got another key")
    for file in (record.file, record.base_file):
        name_of = Path(str(file)).name  # a record names no other folder
        write_atomically(
            workspace.folder / TRIGGERS / name_of, _data(share.folder / TRIGGERS / name_of)
        )
    workspace.write_record(record)
    return record


def _all_chances(shares: Sequence[_Share], batches: Sequence[range]) -> Iterator[Chances]:
    for place, batch in enumerate(batches):
        share = shares[place % len(shares)]
        yield _read_chances(
            _chances_file(share.folder, batch), vocabulary=share.manifest.vocabulary_size
        )


def _mark(folder: Path, shard: Shard) -> None:
    """Makes the folder that share's.

    Raises:
        FingerprintError: it is another's.
    """
    path = folder / SHARD
    mark = Mark(number=shard.number, of=shard.of)
    if path.exists() and (kept := _read(path, Mark)) != mark:
        raise FingerprintError(
            f"expected a new folder or share {shard}, got share {kept.shard} in {folder}; give "
            "each share a folder of its own"
        )
    write_atomically(path, mark.model_dump_json(indent=2))


def _chances_file(folder: Path, batch: range) -> Path:
    return folder / CHANCES / f"{trigger_id(batch.start)}.npy"


def _as_bytes(chances: Chances) -> bytes:
    row = np.concatenate(
        [chances.likely, chances.free, [chances.freedom, float(chances.positions)]]
    )
    file = io.BytesIO()
    np.save(file, row.astype("<f8"), allow_pickle=False)
    return file.getvalue()


def _read_chances(path: Path, *, vocabulary: int) -> Chances:
    try:
        row = np.load(io.BytesIO(_data(path)), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _damaged(path) from error
    if row.shape != (2 * vocabulary + 2,) or row.dtype != np.float64 or not np.isfinite(row).all():
        raise _damaged(path)
    likely, free = row[:vocabulary], row[vocabulary : 2 * vocabulary]
    return Chances(likely, free, float(row[-2]), int(row[-1]))


def _read(path: Path, kind: type[M]) -> M:
    try:
        return kind.model_validate_json(read_text_file(path))
    except (ValidationError, UnicodeDecodeError, OSError) as error:
        raise _damaged(path) from error


def _data(path: Path) -> bytes:
    try:
        return read_file(path, most=LARGE)
    except OSError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> FingerprintError:
    return FingerprintError(
        f"expected {path} as it was written, got something else or nothing; run the command of "
        "that share again in a new folder"
    )
