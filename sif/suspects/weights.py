"""Digests of model folders: the same place with other weights is another suspect.

Knows nothing of what the files mean.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from sif.errors import ModelError
from sif.suspects.uri import SuspectAddress, VllmOptions

SUFFIXES = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")
WHOLE = 64 * 2**20
BLOCK = 256 * 2**10
BLOCKS = 64


def weights_digest(source: str, base: str | None = None) -> str | None:
    """Ten hex digits of a folder's model files; None for a hub id.

    Those of an adapter's base enter with the adapter's; of a base on the hub, its name.

    Files over 64 MiB enter with their size and 64 blocks spread evenly over them: training,
    merging and quantising change weights everywhere, and a digest must not cost a minute.

    Args:
        source: a folder, of a model or of an adapter, or a hub id.
        base: the folder or hub id of the adapter's base; None for a model.

    Raises:
        ModelError: a file cannot be read.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    if base is not None:
        digest.update(f"base {weights_digest(base) or base}|".encode())
    try:
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.suffix in SUFFIXES:
                digest.update(f"{file.name}|{file.stat().st_size}|".encode())
                _feed(digest.update, file)
    except OSError as error:
        raise ModelError(f"cannot read the model in {folder}: {error.strerror}") from error
    return digest.hexdigest()[:10]


def address_digest(address: SuspectAddress) -> str | None:
    """Of the weights at an address of a folder, with those that an option puts over them."""
    lora = address.options.lora if isinstance(address.options, VllmOptions) else None
    if lora is not None:
        return weights_digest(lora, address.target)
    return weights_digest(address.target)


def _feed(update: Callable[[bytes], object], file: Path) -> None:
    size = file.stat().st_size
    if size <= WHOLE:
        update(file.read_bytes())
        return
    with file.open("rb") as stream:
        for number in range(BLOCKS):
            stream.seek(number * (size - BLOCK) // (BLOCKS - 1))
            update(stream.read(BLOCK))
