"""One picture from a file or from bytes, under bounds: as upright 8-bit RGB, whatever it was.

Making, tuning, asking and finding out all read here, so that the same bytes are the same pixels
everywhere. What a stranger can make of a file is bounded: its bytes, its pixels, and the formats
that are tried (none runs a program). Knows nothing of models.
"""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from sif.errors import UsageError
from sif.pictures.colours import FAULTS, Brought, bring_to_rgb
from sif.vlm.plain_words import first_line, shown

MOST_BYTES: Final = 1 << 29
MOST_PIXELS: Final = 1 << 26
LONGEST_PLACE: Final = 200

# These run a program, only know a header, or unpack without a bound.
NOT_TRIED: Final = {"BUFR", "EPS", "FITS", "FPX", "GRIB", "HDF5", "IPTC", "MIC", "MPEG", "WMF"}
HEIF: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Pictures of several frames that are one picture to whoever took it.
ONE_FRAME: Final = {"MPO", "ICO", "ICNS"}

logger = logging.getLogger(__name__)


def read_image(source: Path | bytes, *, place: str | None = None) -> Image.Image:
    """A picture as upright RGB: transparency on white, deep values and colours brought over.

    What is remarkable about it is logged.

    Args:
        source: the file, or what is in it.
        place: where it came from, for messages; the file where None.

    Raises:
        UsageError: missing, empty, damaged, too large, or no picture.
    """
    brought = read_picture(source, place=place)
    for remark in brought.remarks:
        logger.warning("%s: %s", place_of(source, place), remark)
    return brought.picture


def read_picture(source: Path | bytes, *, place: str | None = None) -> Brought:
    """The same, with the remarks instead of logging them.

    Raises:
        UsageError: missing, empty, damaged, too large, or no picture.
    """
    where = place_of(source, place)
    remarks: list[str] = []
    with _faults_as_usage(where), _warnings_as(remarks), _opened(source) as image:
        brought = bring_to_rgb(image)
        frames = _frames(image)
    if frames:
        remarks.append("several frames, of which the first is taken")
    return Brought(brought.picture, (*brought.remarks, *remarks))


def check_picture(source: Path | bytes, *, place: str | None = None) -> tuple[int, int]:
    """Width and height by the header alone, where it is that of a picture that may be read.

    Raises:
        UsageError: it is not.
    """
    with _faults_as_usage(place_of(source, place)), _warnings_as([]), _opened(source) as image:
        return image.size


def place_of(source: Path | bytes, place: str | None = None) -> str:
    """Where a picture came from, in one bounded line."""
    return shown(
        place or (source if isinstance(source, Path) else "a picture"), longest=LONGEST_PLACE
    )


class _TooMuchError(ValueError):
    """More than is read."""


@contextmanager
def _faults_as_usage(where: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UsageError(
            f"expected a readable image at {where}, got: {(error.strerror or '').lower()}"
        ) from error
    except UnidentifiedImageError as error:
        raise UsageError(
            f"expected a readable image (PNG, JPEG, WebP, …), got {where}, which is none"
        ) from error
    except Image.DecompressionBombError as error:
        raise UsageError(
            f"expected a readable image, got {where}: far more than {MOST_PIXELS:,} pixels, which "
            "is all that is read; make it smaller"
        ) from error
    except FAULTS as error:
        raise UsageError(
            f"expected a readable image (PNG, JPEG, WebP, …), got {where}: {first_line(error)}"
        ) from error


@contextmanager
def _warnings_as(remarks: list[str]) -> Iterator[None]:
    """What Pillow warns of becomes remarks; the bound on pixels is kept here."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield
    remarks += [first_line(each.message) for each in caught if isinstance(each.message, Warning)]


@contextmanager
def _opened(source: Path | bytes) -> Iterator[Image.Image]:
    with _bounded(source) as file, Image.open(file, formats=_formats(file)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise _TooMuchError(
                f"{image.width} x {image.height} pixels, at most {MOST_PIXELS:,} are read; make "
                "it smaller"
            )
        yield image


def _bounded(source: Path | bytes) -> io.BytesIO | io.BufferedReader:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    size = source.stat().st_size
    if size > MOST_BYTES:
        raise _TooMuchError(f"{size:,} bytes, at most {MOST_BYTES:,} are read")
    if not source.is_file() and not source.is_dir():
        raise _TooMuchError("no ordinary file")
    return source.open("rb")


def _formats(file: io.BytesIO | io.BufferedReader) -> list[str]:
    """The formats that are tried."""
    head = file.read(12)
    file.seek(0)
    if not head:
        raise _TooMuchError("an empty file")
    if head[4:8] == b"ftyp" and head[8:12] in HEIF:
        _learn_heif()
    Image.init()
    return [name for name in Image.ID if name not in NOT_TRIED]


def _learn_heif() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise _TooMuchError(
            "HEIC, which needs pillow-heif; install sif-lvlm[heic], or save it as JPEG"
        ) from error
    register_heif_opener()


def _frames(image: Image.Image) -> bool:
    """Whether there are further frames; a damaged one behind the first is none of ours."""
    if image.format in ONE_FRAME:
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except FAULTS:
        return False


__all__ = ["check_picture", "place_of", "read_image", "read_picture"]
