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
from sif.plain_files import read_text_file
from sif.vlm.foreign import READING
from sif.vlm.plain_words import first_line, shown

WHOLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
INDICES: Final = (INDEX, "pytorch_model.bin.index.json")
NAMED: Final = (WHOLE, "pytorch_model.bin", *INDICES)
"""Where transformers looks for weights."""
OTHERS: Final = (
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".gguf",
    ".onnx",
    ".msgpack",
    ".h5",
)
WHOLE_NUMBERS: Final = ("I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "BOOL")
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
        table = json.loads(read_text_file(index))["weight_map"]
        return {str(file) for file in table.values()}
    except READING:
        return set()


def lost_shards(source: str | Path) -> set[str]:
    """The files that a folder's index names and that are not there."""
    folder = Path(source).expanduser()
    index = next((folder / name for name in INDICES if (folder / name).is_file()), None)
    if index is None or any((folder / name).is_file() for name in NAMED[:2]):
        return set()
    return {file for file in shards_of(index) if not (folder / file).is_file()}


def misnamed(source: str | Path) -> str | None:
    """What a folder holds instead of weights where they are looked for; None if they are there."""
    folder = Path(source).expanduser()
    if not folder.is_dir() or any((folder / name).is_file() for name in NAMED):
        return None
    others = sorted(file for file in folder.iterdir() if file.suffix in OTHERS)
    words = [
        shown(file.name) + ("" if file.exists() else " (a link that leads nowhere)")
        for file in others[:3]
    ]
    return ", ".join(words) or "no weights at all"


def refuse_doubtful(source: str | Path, *, plain: bool) -> None:
    """Looks for weights that would load without a word as others than the model's.

    Args:
        source: a folder; nothing is known of a hub id before.
        plain: whether they are said to be stored as they are, not quantised.

    Raises:
        ModelError: two sets of weights, two values of one tensor, or whole numbers as weights.
    """
    folder = Path(source).expanduser()
    shards = shards_of(folder / INDEX) if (folder / INDEX).is_file() else set()
    whole = (folder / WHOLE).is_file()
    if whole and shards and WHOLE not in shards:
        raise ModelError(
            f"expected one set of weights in {source}, got {WHOLE} and an index ({INDEX}) that "
            f"names {shown(min(shards))} and others; remove the set that is left from before"
        )
    found: dict[str, Any] = {}
    for file in [folder / WHOLE] if whole else [folder / shard for shard in sorted(shards)]:
        try:
            with safe_open(file, framework="pt") as stored:
                for name in stored.keys():  # noqa: SIM118
                    if plain and name.endswith(("weight", "bias")):
                        _refuse_whole_numbers(stored.get_slice(name).get_dtype(), name, source)
                    if name in found:
                        _refuse_two_values(found[name], file, name, source)
                    found[name] = file
        except (OSError, SafetensorError):  # told when it is loaded
            return


def _refuse_whole_numbers(kind: str, name: str, source: str | Path) -> None:
    if kind in WHOLE_NUMBERS:
        raise ModelError(
            f"expected fractions as weights in {source}, got whole numbers ({kind}) in "
            f"{shown(name)}; they are quantised and nothing says how: take config.json, or the "
            "weights, from where they are from"
        )


def _refuse_two_values(one: Path, other: Path, name: str, source: str | Path) -> None:
    with safe_open(one, framework="pt") as before, safe_open(other, framework="pt") as after:
        values = before.get_tensor(name), after.get_tensor(name)
    if values[0].shape != values[1].shape or not torch.equal(*values):
        raise ModelError(
            f"expected each tensor once in {source}, got {shown(name)} with one value in "
            f"{shown(one.name)} and another in {shown(other.name)}; copy the whole folder again "
            "from where it is from"
        )


def named_twice(source: str | Path) -> tuple[str, str] | None:
    """Two tensors of which one has the other's name with something before it, and other values."""
    file = Path(source).expanduser() / WHOLE
    if not file.is_file():
        return None
    with safe_open(file, framework="pt") as stored:
        names = set(stored.keys())
        for name in sorted(names):
            for dot in re.finditer(r"\.", name):
                short = name[dot.end() :]
                if short in names:
                    values = stored.get_tensor(name), stored.get_tensor(short)
                    if values[0].shape == values[1].shape and not torch.equal(*values):
                        return short, name
    return None


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
    files = _files(source)
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


def tensors_in(source: str | Path) -> int:
    """How many tensors the files of safetensors in a folder hold."""
    return _tensors(_files(source))


def _files(source: str | Path) -> list[Path]:
    folder = Path(source).expanduser()
    return [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []


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
