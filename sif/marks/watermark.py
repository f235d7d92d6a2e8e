"""A watermark: what its owner needs to read it in a suspect, as one folder.

manifest.json   which model, recipe, block, sizes, and the digests of the hold-out images
holdout/        the hold-out images at the model's extent, as PNG
coders.safetensors   keyed: the directions; injected: encoder and decoder
secret.key      the key ring, from which the messages follow

All of it is the owner's alone: folder 0700, files 0600. Only the key is secret by construction;
whoever knows the hold-out images could overwrite the mark. Knows nothing of training.
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from jaxtyping import Bool, Float
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from sif.errors import UsageError, WatermarkError
from sif.files import write_atomically, writing
from sif.marks.bits import FairBits
from sif.marks.pictures import pixels_digest
from sif.marks.recipe import MarkRecipe
from sif.marks.tower import Readout
from sif.marks.vision_model import VisionModel
from sif.pictures.reading import read_image
from sif.plain_files import LARGE, read_file
from sif.validation import first_fault
from sif.vlm.pixels import png_bytes
from sif.watermark.activemark.coders import Decoder, Encoder
from sif.watermark.activemark.messages import secret_messages
from sif.watermark.keys import KeyRing

MANIFEST: Final = "manifest.json"
SECRET: Final = "secret.key"
CODERS: Final = "coders.safetensors"
HOLDOUT: Final = "holdout"
PRIVATE: Final = 0o600


class Shapes(BaseModel):
    """The sizes that a suspect must have in common with the marked model.

    Attributes:
        width: of the hidden states of the block that messages go into.
        features: of the representation.
        blocks: that the representation passes through.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int
    features: int
    blocks: int


class HoldoutImage(BaseModel):
    """One hold-out image: its file, and SHA-256 over its pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=r"^holdout/\d{4}\.png$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class MarkManifest(BaseModel):
    """manifest.json.

    Attributes:
        created: moment, UTC.
        model: name of the source.
        architecture: class of its tower.
        clean_sha256: of the source's tower before it was marked (`VisionModel.digest`).
        marked_sha256: of the marked one.
        shapes: of the tower.
        readout: where the representation is read, in suspects too.
        block: into which messages go (injected), or the expressive one (keyed).
        token: whose vector the encoder replaces (injected).
        scale: of the encoder's outputs; none in the keyed mode.
        threshold: τ.
        clean_errors: D of each hold-out image on the source before it was marked: whether the
            injected mode finds its messages there too.
        seed: of everything random but the keys.
        recipe: of the mark.
        images: hold-out images, in the order in which they count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    created: str
    model: str
    architecture: str
    clean_sha256: str
    marked_sha256: str
    shapes: Shapes
    readout: Readout
    block: int
    token: int
    scale: float | None
    threshold: int
    clean_errors: tuple[int, ...] = ()
    seed: int
    recipe: MarkRecipe
    images: tuple[HoldoutImage, ...] = Field(min_length=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Watermark:
    """A watermark in memory.

    Args:
        manifest: what its folder says.
        pictures: the hold-out images, in the order of the manifest.
        keys: the owner's key ring.
        tensors: the directions, or the coders' weights.
    """

    manifest: MarkManifest
    pictures: Sequence[Image.Image]
    keys: KeyRing
    tensors: Mapping[str, Tensor]

    @property
    def messages(self) -> Bool[Tensor, "batch bits"]:
        """The secret messages, one for each hold-out image."""
        digests = [image.sha256 for image in self.manifest.images]
        return secret_messages(self.keys, digests, bits=self.manifest.recipe.bits)

    @property
    def null(self) -> FairBits:
        """Of one image."""
        return FairBits(bits=self.manifest.recipe.bits)

    @property
    def directions(self) -> Float[Tensor, "bits features"]:
        """Those of the keyed mode."""
        return self.tensors["directions"]

    def coders(self, device: torch.device) -> tuple[Encoder, Decoder]:
        """Those of the injected mode, frozen."""
        shapes, bits = self.manifest.shapes, self.manifest.recipe.bits
        assert self.manifest.scale is not None
        encoder = Encoder(shapes.width, bits, scale=self.manifest.scale)
        decoder = Decoder(shapes.features, bits)
        for module, prefix in ((encoder, "encoder/"), (decoder, "decoder/")):
            own = {
                k.removeprefix(prefix): t for k, t in self.tensors.items() if k.startswith(prefix)
            }
            module.load_state_dict(own)
            module.to(device).eval().requires_grad_(False)
        return encoder, decoder

    def load_suspect(self, source: str | Path, device: str = "auto") -> VisionModel:
        """A suspect by folder or hub id, to be read where the marked model is.

        Raises:
            ModelError: it cannot be loaded, or has no such vision tower.
        """
        return VisionModel.load(source, device=device, readout=self.manifest.readout)

    def check(self, suspect: VisionModel) -> None:
        """Makes sure that a suspect can be read at all.

        Raises:
            UsageError: it has other shapes; says which.
        """
        own, theirs = self.manifest.shapes, shapes_of(suspect, self.manifest.block)
        differ = [
            f"{name} {getattr(own, name)} here and {getattr(theirs, name)} there"
            for name in ("width", "features", "blocks")
            if getattr(own, name) != getattr(theirs, name) and self._needs(name, theirs)
        ]
        if differ:
            raise UsageError(
                f"expected a suspect whose tower has the shapes of {self.manifest.model}, got "
                f"{suspect.source} ({type(suspect.module).__name__}): {', '.join(differ)}; a "
                "suspect of other shapes holds no copy of these weights"
            )

    def _needs(self, name: str, theirs: Shapes) -> bool:
        """Whether reading fails where this shape differs."""
        if name == "features":
            return True
        injected = self.manifest.recipe.mode == "injected"
        return injected and (name == "width" or theirs.blocks <= self.manifest.block)

    def save(self, folder: Path) -> None:
        """Writes the folder; the manifest comes last and completes it.

        Raises:
            StorageError: the disk refuses, or the folder has another key.
        """
        open_private(folder)
        if not (folder / SECRET).exists():
            self.keys.save(folder / SECRET)
        for image, picture in zip(self.manifest.images, self.pictures, strict=True):
            write_atomically(folder / image.file, png_bytes(picture), mode=PRIVATE)
        write_atomically(folder / CODERS, save(dict(self.tensors)), mode=PRIVATE)
        text = self.manifest.model_dump_json(indent=2)
        write_atomically(folder / MANIFEST, text, mode=PRIVATE)

    @classmethod
    def load(cls, folder: str | Path) -> "Watermark":
        """Reads a folder and checks that its images are those of the manifest.

        Raises:
            WatermarkError: missing, unfinished, damaged, changed, or of another version.
            StorageError: no key file.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        pictures = [_checked_picture(folder, image) for image in manifest.images]
        try:
            tensors = load(read_file(folder / CODERS, most=LARGE))
        except (OSError, SafetensorError) as error:
            raise WatermarkError(
                f"cannot read {folder / CODERS}: {error}; restore it from your backup"
            ) from error
        keys = KeyRing.load(folder / SECRET)
        return cls(manifest=manifest, pictures=pictures, keys=keys, tensors=tensors)


def read_manifest(folder: Path) -> MarkManifest:
    """The manifest of a watermark folder.

    Raises:
        WatermarkError: missing, unfinished, damaged, or of another version.
    """
    path = folder / MANIFEST
    try:
        return MarkManifest.model_validate_json(read_file(path))
    except FileNotFoundError as error:
        raise WatermarkError(
            f"expected a watermark folder with {MANIFEST}, got {folder}; make one with "
            "sif activemark embed, or run the same command again if it was interrupted"
        ) from error
    except OSError as error:
        raise WatermarkError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        where, what, _ = first_fault(error)
        raise WatermarkError(
            f"expected a manifest of version 1 in {path}, got a fault at {where}: {what}"
        ) from error


def shapes_of(vision: VisionModel, block: int) -> Shapes:
    """The sizes of a tower, its width at one of its blocks, by one forward pass."""
    height, width = vision.extent
    with torch.no_grad():
        features = vision.features(torch.full((1, 3, height, width), 0.5))
    widths = vision.tower.widths
    width = widths[min(block, len(widths) - 1)]
    return Shapes(width=width, features=features.shape[1], blocks=len(widths))


def open_private(folder: Path) -> None:
    """Makes the folder where it is missing, for its owner's eyes only."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)


def now() -> str:
    """The moment, for a manifest."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def as_json(value: BaseModel) -> str:
    """A model as JSON with sorted keys, to be digested."""
    return json.dumps(value.model_dump(mode="json"), sort_keys=True)


def _checked_picture(folder: Path, image: HoldoutImage) -> Image.Image:
    path = folder / image.file
    if not path.is_file():
        raise WatermarkError(f"expected the hold-out image {path}, got none; restore your backup")
    picture = read_image(path)
    if pixels_digest(picture) != image.sha256:
        raise WatermarkError(
            f"expected {path} as the manifest describes it, got other pixels; its message depends "
            "on them: restore the folder from your backup"
        )
    return picture
