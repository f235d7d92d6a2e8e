"""What a record says of its picture: a path, bytes, or base64; nothing is fetched.

Knows nothing of prompts.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any, Final
from unicodedata import normalize
from urllib.parse import unquote

from sif.attacks.datasets.pair import FaultError, PassedOver, excerpt
from sif.errors import UsageError
from sif.pictures.reading import check_picture, place_of

NAMES: Final = (
    *("image", "images", "image_path", "image_file", "file_name", "img", "img_path", "picture"),
    *("image_url", "photo", "jpg", "png"),
)
"""Fields that name a picture."""
INSIDE: Final = (
    "bytes",
    "url",
    "path",
    "image_url",
    "image",
    "data",
    "base64",
    "file_name",
    "file",
)
"""Fields of an object that is a picture."""
ADDRESS: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://")
OF_FILES: Final = "file://"
DATA_URL: Final = re.compile(r"data:[^,]{0,200},", re.IGNORECASE)
BASE64: Final = re.compile(r"[A-Za-z0-9+/_\-\s]++={0,2}+\s*+")
SHORTEST_BASE64: Final = 60
LONGEST_PATH: Final = 4096
DEEPEST: Final = 4


def picture_of(references: Sequence[Any], folders: Sequence[Path]) -> Path | bytes:
    """The one picture of a record.

    Args:
        references: all that it says of pictures.
        folders: that a path may be relative to, in this order.

    Raises:
        PassedOver: no picture, or several.
        FaultError: what it says leads to none.
    """
    found = [one for reference in references for one in _flat(reference, DEEPEST)]
    if not found:
        raise PassedOver("without a picture")
    if len(found) > 1:
        raise PassedOver("with several pictures")
    (one,) = found
    if isinstance(one, bytes):
        return _checked(one, "bytes")
    if not isinstance(one, str):
        raise FaultError(f"expected a picture's path or bytes, got {type(one).__name__}")
    if DATA_URL.match(one):
        return _of_data_url(one)
    return _of_words(one, folders)


def _flat(reference: Any, deepest: int) -> list[Any]:
    """Pictures in lists and objects; nothing for null and empty words."""
    if reference is None or reference == "" or reference == b"" or not deepest:
        return []
    if isinstance(reference, float) and isnan(reference):  # as tables write that there is nothing
        return []
    if isinstance(reference, list | tuple):
        return [one for item in reference for one in _flat(item, deepest - 1)]
    if isinstance(reference, dict):
        held = next((reference[name] for name in INSIDE if reference.get(name)), None)
        return _flat(held, deepest - 1)
    if isinstance(reference, bytearray | memoryview):
        return [bytes(reference)]
    return [reference]


def _of_data_url(url: str) -> bytes:
    head, _, body = url.partition(",")
    if not head.lower().endswith(";base64"):
        raise FaultError(
            f"expected a data: URL in base64, got one that begins with {excerpt(head)}"
        )
    return _checked(_decoded(body, "a data: URL"), "a data: URL")


def _of_words(words: str, folders: Sequence[Path]) -> Path | bytes:
    if words.startswith(OF_FILES):
        words = unquote(words.removeprefix(OF_FILES))
    if ADDRESS.match(words):
        raise FaultError(
            f"expected a file, got the address {excerpt(words)}; pictures are not fetched: "
            "download it and name the file"
        )
    path = _file(words, folders)
    if path is not None:
        return path
    if len(words) >= SHORTEST_BASE64 and BASE64.fullmatch(words):
        return _checked(_decoded(words, "base64"), "base64")
    if "\0" in words:
        raise FaultError(f"expected a picture's path, got one with a NUL: {excerpt(words)}")
    if any(0xD800 <= ord(letter) < 0xE000 for letter in words):
        raise FaultError(
            f"expected a picture's path, got one with half a character: {excerpt(words)}"
        )
    tried = (folders[0] / words) if len(words) <= 200 else None
    where = f"at {place_of(tried)}" if tried is not None else excerpt(words)
    raise FaultError(f"expected a picture {where}, found none; paths are relative to the file")


def _file(words: str, folders: Sequence[Path]) -> Path | None:
    """The file of these words, with slashes of either kind and accents in one sign or in two."""
    if "\0" in words or len(words) > LONGEST_PATH:
        return None
    spellings = [words, words.replace("\\", "/")] if "\\" in words else [words]
    spellings += [normalize(form, one) for one in spellings for form in ("NFC", "NFD")]
    for spelling in dict.fromkeys(spellings):
        for folder in folders:
            path = folder / spelling
            try:
                if path.is_file():
                    return path
            except (OSError, ValueError):  # too long, or half a character
                continue
    return None


def _decoded(text: str, what: str) -> bytes:
    letters = re.sub(r"\s", "", text).replace("-", "+").replace("_", "/")
    letters += "=" * (-len(letters) % 4)
    try:
        return base64.b64decode(letters, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FaultError(
            f"expected a picture in {what}, got what cannot be decoded and begins with "
            f"{excerpt(text)}"
        ) from error


def _checked(data: bytes, what: str) -> bytes:
    try:
        check_picture(data, place=what)
    except UsageError as error:
        raise FaultError(str(error)) from error
    return data
