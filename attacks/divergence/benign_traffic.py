"""Benign traffic: ordinary questions about ordinary pictures, and its two halves.

Knows neither models nor signals.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif import prompts
from sif.errors import UsageError
from sif.pictures.reading import read_image
from sif.types import GenerationSettings, Query

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class Halves(NamedTuple):
    """Benign questions to choose limits on, and others to report on; no picture is in both."""

    calibration: list[Query]
    reported: list[Query]


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    image: str = Field(min_length=1)
    prompt: str = Field(min_length=1)


def read_benign(source: Path, generation: GenerationSettings) -> list[Query]:
    """Questions from a folder of pictures, or from JSONL with `image` and `prompt` in every line.

    The pictures of a folder are asked about with the ordinary prompts in turn. Paths in a JSONL
    file are relative to its folder; further fields are passed over.

    Args:
        source: folder or file.
        generation: as the fingerprint's triggers are asked, or lengths could not be compared.

    Raises:
        UsageError: nothing there, no question in it, a broken line (says which) or picture.
    """
    pairs = _of_folder(source) if source.is_dir() else _of_lines(source)
    if not pairs:
        raise UsageError(
            f"expected benign questions in {source}, got an empty set; give a folder of pictures "
            'or JSONL lines such as {"image": "a.png", "prompt": "…"}'
        )
    return [
        Query(
            trigger=f"benign-{number:05d}",
            image=read_image(path),
            prompt=prompt,
            generation=generation,
        )
        for number, (path, prompt) in enumerate(pairs)
    ]


def halve(queries: Sequence[Query], *, seed: int = 0) -> Halves:
    """Two halves by a draw of pictures; all questions about one picture go into the same.

    Raises:
        UsageError: fewer than two different pictures.
    """
    groups: dict[str, list[Query]] = {}
    for query in queries:
        picture = query.image.convert("RGB")
        digest = hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()
        groups.setdefault(digest, []).append(query)
    if len(groups) < 2:
        raise UsageError(
            f"expected benign questions about two or more different pictures, got {len(groups)}: "
            "limits are chosen on some and reported on others"
        )
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    middle = len(names) // 2
    halves = [
        [query for name in some for query in groups[name]]
        for some in (names[:middle], names[middle:])
    ]
    return Halves(*halves)


def _of_folder(folder: Path) -> list[tuple[Path, str]]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    ordinary = prompts.load()
    return [(path, ordinary[index % len(ordinary)]) for index, path in enumerate(paths)]


def _of_lines(path: Path) -> list[tuple[Path, str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            f"expected a folder of pictures or a JSONL file at {path}: {reason}"
        ) from error
    return [_read(text, path, number) for number, text in enumerate(lines, 1) if text.strip()]


def _read(text: str, path: Path, number: int) -> tuple[Path, str]:
    try:
        line = _Line.model_validate(json.loads(text))
    except (ValidationError, ValueError) as error:
        raise UsageError(
            f"{path}, line {number}: expected JSON with image and prompt, got "
            f"{text[:60]!r}; mend or remove the line"
        ) from error
    image = path.parent / line.image
    if not image.is_file():
        raise UsageError(f"{path}, line {number}: expected a picture at {image}, found none")
    return image, line.prompt
