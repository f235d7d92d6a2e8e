"""Picture files of odd kinds, built with as little of the code under test as can be."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

RAMP = np.linspace(0, 1, 64 * 64).reshape(64, 64)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(rows: list[bytes], *, width: int, bits: int, colour: int, clear: bytes = b"") -> bytes:
    """A PNG from its packed rows; `clear` is what tRNS holds."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header)]
    if clear:
        parts.append(chunk(b"tRNS", clear))
    parts.append(chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def sixteen_bit_png(values: np.ndarray, clear: bytes = b"") -> bytes:
    """A PNG of 16-bit grey ("height width") or RGB ("height width 3")."""
    rows = [row.astype(">u2").tobytes() for row in values]
    colour = 0 if values.ndim == 2 else 2
    return png(rows, width=values.shape[1], bits=16, colour=colour, clear=clear)


def photograph(exif: bytes = b"") -> bytes:
    """A JPEG of 64 x 96 pixels, white above and black below."""
    pixels = np.zeros((96, 64, 3), np.uint8)
    pixels[:48] = 255
    return saved(Image.fromarray(pixels), "JPEG", exif=exif)


def orientation(value: int) -> bytes:
    """An EXIF block that says how the camera was held."""
    exif = Image.Exif()
    exif[274] = value
    return exif.tobytes()
