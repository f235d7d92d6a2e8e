"""The pictures of a folder and of the folders in it: small ones in memory, others one at a time.

Every file is read once to see that it can be; those that cannot are passed over, with a reason each
in the log, unless the caller is strict. Knows nothing of models.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, overload

from PIL import Image

from sif.errors import UsageError
from sif.pictures.colours import Brought
from sif.pictures.lazy import Lazy
from sif.pictures.reading import NOT_TRIED, place_of, read_picture

SMALLEST_SIDE: Final = 8
KEPT: Final = 2**25
"""Pixels, in all, of pictures that stay in memory once they were looked at: 100 MB."""
HEIF: Final = (".heic", ".heif", ".hif")
# Files that systems put beside pictures.
SYSTEM: Final = {"thumbs.db", "desktop.ini", "ehthumbs.db"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImage:
    """A picture of any size, and where it came from."""

    name: str
    image: Image.Image


@dataclass(frozen=True, slots=True)
class PictureFolder(Sequence[NamedImage]):
    """Pictures by name, each of them read when it is asked for, and again when asked for again.

    Args:
        folder: that they lie in.
        paths: of the files.
        kept: pictures that need not be read again.
    """

    folder: Path
    paths: tuple[Path, ...]
    kept: Mapping[Path, Image.Image] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, place: int) -> NamedImage: ...
    @overload
    def __getitem__(self, place: slice) -> "PictureFolder": ...
    def __getitem__(self, place: int | slice) -> "NamedImage | PictureFolder":
        """The picture at a place, or those at several, still unread.

        Raises:
            UsageError: the file changed since the folder was looked through, and is none any more.
        """
        if isinstance(place, slice):
            return PictureFolder(self.folder, self.paths[place], self.kept)
        path = self.paths[place]
        return NamedImage(name=self._name(path), image=self._read(path))

    @property
    def names(self) -> list[str]:
        """Of the pictures: their paths below the folder."""
        return [self._name(path) for path in self.paths]

    @property
    def pictures(self) -> Sequence[Image.Image]:
        """The pictures alone, read when they are asked for."""
        return Lazy(self._read, self.paths)

    def _read(self, path: Path) -> Image.Image:
        kept = self.kept.get(path)
        return read_picture(path).picture if kept is None else kept

    def _name(self, path: Path) -> str:
        return os.fsencode(path.relative_to(self.folder)).decode("utf-8", "backslashreplace")


def read_images(
    folder: str | Path, *, strict: bool = False, smallest: int = SMALLEST_SIDE
) -> PictureFolder:
    """The pictures of a folder and of those below it, by name.

    Args:
        folder: with PNG, JPEG, WebP, AVIF, TIFF and whatever else Pillow reads; HEIC where
            pillow-heif is installed. Links to folders are not followed.
        strict: stop at a hidden, tiny or unreadable file instead of passing over it.
        smallest: side in pixels; what has a shorter one is tiny.

    Raises:
        UsageError: no folder, or no picture in it; where strict, a file that would be passed over.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "a file" if folder.exists() else "which does not exist"
        raise UsageError(
            f"expected a folder of images, got {place_of(folder)}, {what}; name a folder that "
            "holds pictures"
        )
    found, passed, remarks = list[Path](), Counter[str](), Counter[str]()
    kept, room = dict[Path, Image.Image](), KEPT
    for path in sorted(_files(folder)):
        seen = _look_at(path, folder, smallest)
        if isinstance(seen, Brought):
            found.append(path)
            remarks.update(set(seen.remarks))
            pixels = seen.picture.width * seen.picture.height
            if pixels <= room:
                kept[path], room = seen.picture, room - pixels
            continue
        kind, reason = seen
        if strict and kind != OTHER:
            raise UsageError(f"{reason}; remove it, or leave --strict out to pass over it")
        passed[kind] += 1
        logger.info("passed over: %s", reason)
    _report(folder, len(found), passed, remarks)
    if not found:
        raise UsageError(
            f"expected images (PNG, JPEG, WebP, AVIF, TIFF, …) in {place_of(folder)}, got none"
            f"{_counted(passed)}; put pictures into it or name another folder"
        )
    return PictureFolder(folder, tuple(found), kept)


HIDDEN, TINY, UNREADABLE, OTHER = "hidden", "tiny", "unreadable", "of another kind"


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, and each hidden folder as one."""
    for here, folders, names in os.walk(folder):
        hidden = [name for name in folders if _is_hidden(name)]
        yield from (Path(here, name) for name in (*hidden, *names))
        folders[:] = [name for name in folders if name not in hidden]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM


def _look_at(path: Path, folder: Path, smallest: int) -> Brought | tuple[str, str]:
    """The picture of a file with remarks, or why it is passed over, by kind and in words."""
    said = place_of(path)
    if any(_is_hidden(part) for part in path.relative_to(folder).parts):
        return HIDDEN, f"{said} is hidden"
    suffix = path.suffix.lower()
    if suffix and suffix not in suffixes():
        return OTHER, f"{said} is no picture by its name"
    try:
        brought = read_picture(path)
    except UsageError as error:
        return UNREADABLE, str(error)
    if min(brought.picture.size) < smallest:
        size = f"{brought.picture.width} x {brought.picture.height}"
        return TINY, f"{said} has {size} pixels, a side of {smallest} is the least"
    for remark in brought.remarks:
        logger.info("%s: %s", said, remark)
    return brought


def suffixes() -> set[str]:
    """How the names of files end that may be pictures."""
    Image.init()
    read = {
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in Image.OPEN and name not in NOT_TRIED
    }
    return read | set(HEIF)


def _report(folder: Path, found: int, passed: Counter[str], remarks: Counter[str]) -> None:
    """A line for what was passed over, and one for each thing that pictures have in common."""
    if passed:
        total = found + passed.total()
        logger.warning(
            "%s: %d of %d files passed over%s; sif -v says why",
            *(place_of(folder), passed.total(), total, _counted(passed)),
        )
    for remark, number in remarks.most_common(5):
        logger.warning("%s: %d of %d pictures: %s", place_of(folder), number, found, remark)


def _counted(passed: Counter[str]) -> str:
    kinds = (HIDDEN, TINY, UNREADABLE, OTHER)
    words = ", ".join(f"{passed[kind]} {kind}" for kind in kinds if passed[kind])
    return f" ({words})" if words else ""
