"""Base images by name, from a folder. Knows nothing of models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from sif.errors import UsageError
from sif.vlm.native import read_image

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImage:
    """A picture of any size, and where it came from."""

    name: str
    image: Image.Image


def read_images(folder: str | Path) -> list[NamedImage]:
    """The pictures of a folder, by name.

    Raises:
        UsageError: no folder, no pictures, or a damaged one.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "a file" if folder.exists() else "which does not exist"
        raise UsageError(
            f"expected a folder of images, got {folder}, {what}; name a folder that holds pictures"
        )
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(
            f"expected images ({', '.join(SUFFIXES)}) in {folder}, got none; put pictures into it "
            "or name another folder"
        )
    return [NamedImage(name=path.name, image=read_image(path)) for path in paths]
