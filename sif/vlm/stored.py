"""What the files of a model hold, looked at before any library builds it.

Counts tensors and numbers, and reads indexes; knows nothing of what weights mean.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open

from sif.errors import ModelError
from sif.vlm.foreign import READING
from sif.vlm.plain_words import first_line, shown

INDEX: Final = "model.safetensors.index.json"
POINTER: Final = b"version https://git-lfs"
WEIGHTS: Final = (".safetensors", ".bin")
DEEPEST: Final = 100
# What configurations call the number of their blocks.
DEPTHS: Final = re.compile(r"(num|n|encoder|decoder)_(hidden_|encoder_|decoder_)?layers|depth")
# Numbers in a byte of a file at most: of one bit each, and once more for those that are tied.
MOST_IN_A_BYTE: Final = 16
FEW: Final = 10**7


def shards_of(index: Path) -> set[str]:
    """The files that an index names; none where it is damaged, which is for its reader to say."""
    try:
        table = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {str(file) for file in table.values()}
    except READING:
        return set()


def lost_shards(source: str | Path) -> set[str]:
    """The files that a folder's index names and that are not there."""
    index = Path(source).expanduser() / INDEX
    if not index.is_file():
        return set()
    return {file for file in shards_of(index) if not (index.parent / file).is_file()}


def damaged(source: str | Path) -> str | None:
    """The first file of safetensors that cannot be opened, and what it is instead."""
    folder = Path(source).expanduser()
    for file in sorted(folder.glob("*.safetensors")) if folder.is_dir() else ():
        if not file.is_file():
            continue
        name = shown(file.name)
        try:
            with file.open("rb") as stream:
                pointer = stream.read(len(POINTER)) == POINTER
            if pointer:
                return f"{name} is a pointer of git-lfs, not the file; run git lfs pull there"
            with safe_open(file, framework="pt"):
                pass
        except (OSError, SafetensorError, MemoryError) as error:
            return f"{name} is cut off or damaged ({first_line(error)}); copy it again"
    return None


def refuse_giant(kind: Any, config: Any, source: str | Path) -> None:
    """What a configuration asks for is counted before time and memory are spent on it.

    Args:
        kind: auto class of transformers.
        config: of the model.
        source: its folder; of a hub id nothing is known before.

    Raises:
        ModelError: more blocks than the files have tensors, or far more numbers than they can hold,
            however they are quantised.
    """
    folder = Path(source).expanduser()
    files = [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
    deepest = max((number for _, number in numbers_in(config.to_dict(), DEPTHS)), default=0)
    tensors = _tensors(files)
    if 0 < tensors < deepest:
        raise ModelError(
            f"expected a config.json in {source} that belongs to its weights, got one with "
            f"{deepest} layers for {tensors} tensors; take the one from where the weights are from"
        )
    held = sum(file.stat().st_size for file in files if file.suffix in WEIGHTS)
    wanted = _numbers(kind, config) if held else 0
    if wanted > MOST_IN_A_BYTE * held + FEW:
        raise ModelError(
            f"expected a config.json that fits the weights of {source}, got one of {wanted} "
            f"numbers for files of {held} bytes; take the one from where the weights are from"
        )


def numbers_in(settings: Any, named: re.Pattern[str], depth: int = 0) -> Iterator[tuple[str, int]]:
    """All whole numbers under names of a kind in a configuration, those of its parts too."""
    if not isinstance(settings, Mapping) or depth > DEEPEST:
        return
    for name, value in settings.items():
        if named.fullmatch(str(name)):
            several = value if isinstance(value, list) else [value]
            yield from ((str(name), one) for one in several if isinstance(one, int))
        yield from numbers_in(value, named, depth + 1)


def _tensors(files: list[Path]) -> int:
    """How many tensors there are; none where a file cannot be read, which is told later."""
    count = 0
    for file in files:
        if file.suffix == ".safetensors":
            try:
                with safe_open(file, framework="pt") as stored:
                    count += len(stored.keys())
            except (OSError, SafetensorError):
                return 0
    return count


def _numbers(kind: Any, config: Any) -> int:
    """How many weights a model has, built without any; 0 where it cannot be: that is told later."""
    try:
        with torch.device("meta"):
            built = kind.from_config(copy.deepcopy(config), trust_remote_code=False)
    except READING:
        return 0
    return sum(int(weight.numel()) for weight in built.parameters())
