"""GGUF files: what one is, from its header, for whoever names it as a model.

Such a file holds the language model alone, and what sees lies in a second file, so that only a
server of llama.cpp runs the two together. Reads a few bounded fields, never the weights.
"""

import struct
from pathlib import Path
from typing import BinaryIO, Final

from sif.errors import ModelError
from sif.vlm.plain_words import shown
from sif.vlm.stored import misnamed

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
MOST_FIELDS: Final = 64
LONGEST_TEXT: Final = 4096
# Sizes in bytes of the kinds of values that are no text and no list.
SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
TEXT: Final = 8
WANTED: Final = ("general.architecture", "general.name")


def is_gguf(source: str | Path) -> bool:
    """Whether a file, by its name or by its first bytes, is one."""
    path = Path(source).expanduser()
    if not path.is_file():
        return False
    if path.suffix.lower() == ".gguf":
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def refuse_gguf(source: str | Path) -> None:
    """Says what a GGUF file, or a folder with no other weights, is, and what reads it.

    Raises:
        ModelError: it is one.
    """
    path = Path(source).expanduser()
    if path.is_dir() and misnamed(path):
        path = next(iter(sorted(path.glob("*.gguf"))), path)
    if not is_gguf(path):
        return
    raise ModelError(
        f"expected a model folder, got {path}, {_described(path)}; transformers reads no pictures "
        "with such a file. Serve it together with its projector by llama.cpp (llama-server -m "
        "MODEL.gguf --mmproj MMPROJ.gguf --port 8080) and name the server: "
        "openai:http://127.0.0.1:8080/v1#NAME"
    )


def _described(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            fields = _fields(stream)
    except (OSError, struct.error, ValueError, UnicodeDecodeError):
        return "a GGUF file whose header cannot be read"
    architecture = shown(fields.get("general.architecture", "unknown"))
    name = f" called {shown(fields['general.name'])}" if "general.name" in fields else ""
    if architecture == "clip":
        return f"a GGUF file of a projector alone{name}"
    return f"a GGUF file of the architecture {architecture}{name}"


def _fields(stream: BinaryIO) -> dict[str, str]:
    """The wanted texts among the first fields; stops at the first list, which may be long."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise ValueError("no GGUF")
    version, _tensors, count = struct.unpack("<IQQ", stream.read(20))
    if version not in VERSIONS:
        raise ValueError("another version")
    found: dict[str, str] = {}
    for _field in range(min(count, MOST_FIELDS)):
        key = _text(stream)
        (kind,) = struct.unpack("<I", stream.read(4))
        if kind == TEXT:
            value = _text(stream)
            if key in WANTED:
                found[key] = value
        elif kind in SIZES:
            stream.read(SIZES[kind])
        else:
            break
    return found


def _text(stream: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > LONGEST_TEXT:
        raise ValueError("a longer text than headers have")
    return stream.read(length).decode("utf-8", "replace")
