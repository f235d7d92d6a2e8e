"""Imports triggers that were made with the released SIF code, as a fingerprint without a secret.

That code leaves one folder for each trigger: adv_pixel_vis.png, the picture, and result.json, in
which stand the prompt, the scheme (`seeding_scheme`), γ (`gamma`), the hash key (`hash_key_used`, 0
for the scheme's own) and whether the key was searched for (`per_image_key_search`). Folders with a
rejected.json hold no trigger. Pictures keep their bytes.

Lists that were drawn on a GPU differ from those of the CPU generator and are not reproduced: what
such triggers make a model say is then counted with lists that it was not made for. Knows nothing of
verdicts.
"""

import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import FingerprintError, ModelError, UsageError
from sif.files import write_atomically
from sif.fingerprint.folder import MANIFEST, TRIGGERS, FingerprintSet
from sif.fingerprint.manifest import Manifest, ModelRecord, PublishedKey, TriggerRecord
from sif.fingerprint.request import public_name
from sif.fingerprint.workspace import Workspace
from sif.pictures.reading import read_image
from sif.plain_files import LARGE, read_file
from sif.types import GenerationSettings
from sif.vlm.pixels import png_bytes
from sif.watermark.greenlist.published import HASH_KEY, Scheme
from sif.watermark.keys import commitment_of

RESULT, PICTURE = "result.json", "adv_pixel_vis.png"
ALIASES: Final[dict[str, Scheme]] = {"lefthash": "simple_1"}
RELEASED_ANSWER: Final = GenerationSettings(max_new_tokens=200)


class ReleasedDefaults(BaseModel):
    """What holds where a result.json says nothing.

    Attributes:
        prompt: asked with the picture.
        scheme: of the green lists.
        hash_key: of the generator.
        gamma: share of green ids.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = "Describe the image in detail."
    scheme: Scheme = "simple_0"
    hash_key: int = HASH_KEY
    gamma: float = Field(default=0.5, gt=0.0, lt=1.0)


class _Result(BaseModel):
    """What we read of a result.json; the rest of it is left alone."""

    prompt: str | None = None
    seeding_scheme: str | None = None
    gamma: float | None = Field(default=None, gt=0.0, lt=1.0)
    hash_key_used: int | None = Field(default=None, ge=0)
    hash_key: int | None = Field(default=None, ge=0)
    per_image_key_search: Any = None
    original_image: str | None = None


class _Found(NamedTuple):
    """One trigger as it lies there."""

    folder: Path
    result: _Result
    picture: bytes
    size: tuple[int, int]


def import_published(
    folder: str | Path,
    *,
    out: str | Path,
    tokenizer: str,
    defaults: ReleasedDefaults | None = None,
    originals: str | Path | None = None,
) -> FingerprintSet:
    """Makes a fingerprint in compatibility mode of a folder of the released code.

    Args:
        folder: with one folder for each trigger; their names give the order.
        out: the folder of the fingerprint.
        tokenizer: model folder or hub id, the owner's; its length is the size of the vocabulary.
        defaults: for what the result.json do not say.
        originals: folder of base images, found by their file names.

    Raises:
        UsageError: no such folder, or no trigger in it.
        FingerprintError: a missing or damaged file, an unknown scheme, triggers that differ in
            scheme or γ, an original of another size, or a fingerprint in `out` already.
        ModelError: no such tokenizer, or none that one file can hold.
        StorageError: `out` cannot be written.
    """
    defaults = defaults or ReleasedDefaults()
    found = [_read(place) for place in _trigger_folders(Path(folder))]
    scheme, gamma = _common(found, defaults)
    bases = [_original(one, originals) for one in found]
    words = load_tokenizer(tokenizer)
    workspace = Workspace(Path(out))
    if (workspace.folder / MANIFEST).exists():
        raise FingerprintError(f"{out} holds a fingerprint already; name another folder with --out")
    records = [
        _write(workspace, number, one, base, scheme=scheme, defaults=defaults)
        for number, (one, base) in enumerate(zip(found, bases, strict=True), start=1)
    ]
    workspace.finish(
        Manifest(
            green_scheme=scheme,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            model=ModelRecord(source=public_name(tokenizer), kind="unknown", digest=None),
            **workspace.write_tokenizer(words)._asdict(),
            vocabulary_size=len(words),
            gamma=gamma,
            recipe=None,
            seed=0,
            triggers=tuple(records),
        )
    )
    return FingerprintSet.load(workspace.folder)


def load_tokenizer(source: str) -> Any:
    """The tokenizer of a model folder or hub id; never remote code.

    Raises:
        ModelError: there is none.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        first = str(error).strip().split("\n")[0]
        raise ModelError(
            f"expected the owner's tokenizer (a model folder or a hub id), got {source!r}: {first}"
        ) from error


def _trigger_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"expected a folder that the released code wrote, got {folder}")
    places = sorted(
        place
        for place in folder.iterdir()
        if (place / RESULT).is_file() or (place / PICTURE).is_file()
    )
    if not places:
        raise UsageError(
            f"expected folders with {RESULT} and {PICTURE} in {folder}, found none; name the "
            "folder that holds img0001, img0002, …"
        )
    return places


def _read(place: Path) -> _Found:
    for name in (RESULT, PICTURE):
        if not (place / name).is_file():
            raise FingerprintError(
                f"expected {place / name}, which is missing; restore it, or move the folder away"
            )
    try:
        result = _Result.model_validate_json(read_file(place / RESULT))
    except OSError as error:
        raise FingerprintError(f"cannot read {place / RESULT}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise FingerprintError(
            f"expected {place / RESULT} as the released code writes it, but {where}: "
            f"{first['msg'].lower()}"
        ) from error
    try:
        size = read_image(place / PICTURE).size
    except UsageError as error:
        raise FingerprintError(str(error)) from error
    return _Found(place, result, read_file(place / PICTURE, most=LARGE), size)


def _common(found: Sequence[_Found], defaults: ReleasedDefaults) -> tuple[Scheme, float]:
    """Scheme and γ, which all triggers of a fingerprint share."""
    settings = {
        (_scheme(one, defaults), one.result.gamma or defaults.gamma): one.folder for one in found
    }
    if len(settings) > 1:
        shown = " and ".join(f"{scheme} with gamma {gamma:g}" for scheme, gamma in settings)
        raise FingerprintError(
            f"expected triggers of one scheme and gamma, got {shown}; import them from folders of "
            "their own"
        )
    return next(iter(settings))


def _scheme(one: _Found, defaults: ReleasedDefaults) -> Scheme:
    named = one.result.seeding_scheme or defaults.scheme
    for scheme in get_args(Scheme):
        if named == scheme or ALIASES.get(named) == scheme:
            return scheme  # type: ignore[no-any-return]
    raise FingerprintError(
        f"expected the scheme simple_0 or simple_1 in {one.folder / RESULT}, got {named!r}, which "
        "is not supported"
    )


def _original(one: _Found, originals: str | Path | None) -> Image.Image | None:
    if originals is None:
        return None
    path = Path(originals) / Path(one.result.original_image or "unnamed").name
    if not path.is_file():
        raise FingerprintError(
            f"expected the base image of {one.folder.name} at {path}, which is missing; leave out "
            "--originals, or complete them"
        )
    base = read_image(path)
    if base.size != one.size:
        raise FingerprintError(
            f"expected a base image of the trigger's size {one.size} for {one.folder.name}, got "
            f"{base.size}; leave out --originals where they were resized"
        )
    return base


def _write(
    workspace: Workspace,
    number: int,
    one: _Found,
    base: Image.Image | None,
    *,
    scheme: Scheme,
    defaults: ReleasedDefaults,
) -> TriggerRecord:
    name, result = f"{number:04d}", one.result
    hash_key = result.hash_key_used or result.hash_key or defaults.hash_key
    files = {"": (f"{TRIGGERS}/{name}.png", one.picture)}
    if base is not None:
        files["base_"] = (f"{TRIGGERS}/{name}.base.png", png_bytes(base))
    fields: dict[str, Any] = {"base_file": None, "base_sha256": None}
    for prefix, (file, data) in files.items():
        write_atomically(workspace.folder / file, data)
        fields |= {f"{prefix}file": file, f"{prefix}sha256": hashlib.sha256(data).hexdigest()}
    record = TriggerRecord(
        id=name,
        **fields,
        source_image=Path(result.original_image or one.folder.name).name,
        prompt=result.prompt or defaults.prompt,
        generation=RELEASED_ANSWER,
        key_commitment=commitment_of(f"{scheme} {hash_key}".encode()),
        quality=None,
        published=PublishedKey(
            hash_key=hash_key,
            searched=bool(result.per_image_key_search),
            folder=one.folder.name,
        ),
    )
    workspace.write_record(record)
    return record
