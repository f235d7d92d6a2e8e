"""A folder of pictures as base images. Knows no model."""

from pathlib import Path
from typing import Final

from sif.errors import UsageError
from sif.fingerprint.make import NamedImage as NamedImage
from sif.vlm.native import read_image

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def read_images(folder: Path) -> list[NamedImage]:
    """The pictures of a folder, by name.

    Raises:
        UsageError: no folder, no pictures, or a damaged one.
    """
    if not folder.is_dir():
        raise UsageError(f"expected a folder of images, got {folder}")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(f"expected images ({', '.join(SUFFIXES)}) in {folder}, got none")
    return [NamedImage(name=path.name, image=read_image(path)) for path in paths]
