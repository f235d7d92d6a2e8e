"""What a making is asked for, written down before it begins. Knows nothing of how it is made."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from sif.fingerprint.manifest import ModelRecord, Request
from sif.fingerprint.model_manifest import ModelManifest
from sif.fingerprint.recipe import Recipe
from sif.pictures.folder import NamedImage
from sif.suspects.weights import weights_digest
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing


def request_of(
    vlm: Vlm,
    images: Sequence[NamedImage],
    *,
    files: ModelManifest | None,
    recipe: Recipe,
    prompts: Sequence[str],
    count: int,
    seed: int,
    batch_size: int,
    keys: KeyRing,
    max_pixels: int | None,
) -> Request:
    """The request for `count` triggers on a model; pictures and keys stand in it by digests."""
    return Request(
        model=ModelRecord(
            source=public_name(vlm.source),
            kind=vlm.model.config.model_type,
            digest=weights_digest(vlm.source),
            model_sha256=None if files is None else files.root,
        ),
        recipe=recipe,
        images=tuple(f"{named.name} {_pixels_digest(named.image)}" for named in images),
        prompts=tuple(prompts),
        count=count,
        seed=seed,
        batch_size=batch_size,
        device=vlm.device.type,
        key_commitment=keys.commitment("request"),
        max_pixels=max_pixels,
    )


def public_name(source: str) -> str:
    """A hub id as it is; a folder by its name, without the path to it."""
    folder = Path(source).expanduser()
    return folder.resolve().name if folder.is_dir() else source


def _pixels_digest(image: Image.Image) -> str:
    picture = image.convert("RGB")
    return hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()[:16]
