"""Folders that would stop, fill or lead astray whoever reads them: refused before that.

A pipe is waited for without end, a device has no end, a file of settings may have gigabytes, and a
configuration may ask for a thousand million layers, or for code. Looks at names, kinds, sizes and a
few entries; knows nothing of what the weights hold.
"""

import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sif.errors import ModelError
from sif.vlm.plain_words import shown
from sif.vlm.quantised import raw_config
from sif.vlm.stored import DEEPEST, numbers_in, shards_of

SETTINGS: Final = (".json", ".jinja", ".model", ".txt", ".tiktoken")
SHORT: Final = ("config.json", "chat_template.jinja", "chat_template.json")
OF_TRAINING: Final = "trainer_state.json"
LONGEST: Final = 256 * 2**20
LONGEST_OF_SHORT: Final = 16 * 2**20
INDICES: Final = (".safetensors.index.json", ".bin.index.json")
# Numbers of parts that are built one by one, which takes its time even without any weights.
COUNTS: Final = re.compile(r".*(layers?|depths?|experts|blocks|stages)")
IMPLEMENTATION: Final = "_implementation"
MOST_PARTS: Final = 4096
# Tables of angles are made for all of a head, before any weights.
WIDTHS: Final = re.compile(r".*head_dim")
WIDEST: Final = 1 << 16


def refuse_strange_files(source: str | Path) -> None:
    """Looks at a folder before any library does; a hub id has only its configuration looked at.

    Raises:
        ModelError: something in it is no ordinary file, too long, or names a file elsewhere, or its
            configuration asks for more parts than any model has.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        try:
            for file in sorted(folder.iterdir()):
                _refuse_file(folder, file)
        except OSError as error:
            raise ModelError(f"cannot read the model in {folder}: {error.strerror}") from error
    words = raw_config(source)
    for name, kernel in _kernels(words):
        raise ModelError(
            f"expected a model that runs on what is installed, got {shown(name)} "
            f"{shown(repr(kernel))} in the config.json of {source}, which is code to be fetched "
            "and run; take that entry out"
        )
    for names, most in ((COUNTS, MOST_PARTS), (WIDTHS, WIDEST)):
        for name, number in numbers_in(words, names):
            if number > most:
                raise ModelError(
                    f"expected a model of at most {most} {shown(name)}, got {shown(number)} in "
                    f"the config.json of {source}; take the config.json that belongs to the weights"
                )


def _refuse_file(folder: Path, file: Path) -> None:
    try:
        seen = file.stat()
    except OSError:  # a link that leads nowhere: for libraries there is no such file
        return
    if stat.S_ISDIR(seen.st_mode):
        return
    name = shown(file.name)
    if not stat.S_ISREG(seen.st_mode):
        raise ModelError(
            f"expected ordinary files in {folder}, got {name}, which is a pipe, a socket or a "
            "device; copy the model again"
        )
    short = file.name.endswith(SHORT)
    longest = LONGEST_OF_SHORT if short else LONGEST
    settings = file.name.endswith(SETTINGS) and file.name != OF_TRAINING
    if settings and seen.st_size > longest:
        raise ModelError(
            f"expected settings and words of at most {longest // 2**20} MiB in {folder}, got "
            f"{name} with {seen.st_size // 2**20} MiB; copy the model again"
        )
    if file.name.endswith(INDICES):
        shards = shards_of(file)
        strange = [shard for shard in sorted(shards) if Path(shard).name != shard]
        if strange or not shards:
            found = shown(strange[0]) if strange else "nothing that can be read"
            raise ModelError(
                f"expected {name} of {folder} to name files beside it, got {found}; copy the "
                "whole folder again"
            )


def _kernels(words: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Ways of computing that are named as a repository of code is, which transformers fetches."""
    if not isinstance(words, Mapping) or depth > DEEPEST:
        return
    for name, value in words.items():
        if IMPLEMENTATION in str(name):
            several = value.values() if isinstance(value, Mapping) else [value]
            yield from ((str(name), one) for one in several if isinstance(one, str) and "/" in one)
        yield from _kernels(value, depth + 1)
