"""Benign traffic: ordinary questions about ordinary pictures, and its two halves.

Knows neither models nor signals.
"""

import hashlib
import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sif import prompts
from sif.attacks.datasets import read_pairs
from sif.errors import UsageError
from sif.pictures.folder import read_images
from sif.pictures.lazy import Lazy
from sif.pictures.reading import place_of, read_image, read_picture
from sif.types import GenerationSettings, Query
from sif.vlm.placeholders import without

logger = logging.getLogger(__name__)


class _Asked(NamedTuple):
    """A picture that can be read, where it came from, and what is asked about it."""

    image: Path | bytes
    place: str | None
    prompt: str


class Halves(NamedTuple):
    """Benign questions to choose limits on, and others to report on; no picture is in both."""

    calibration: Sequence[Query]
    reported: Sequence[Query]


def read_benign(
    source: Path, generation: GenerationSettings, *, strict: bool = False
) -> Sequence[Query]:
    """Questions from a folder of pictures, or from a data set with pictures and prompts.

    Every picture is looked at once, and read again whenever its question is asked for. Those of a
    folder are asked about with the ordinary prompts in turn. What stands for a picture in a prompt
    is taken out: whoever is asked has a template of his own.

    Args:
        source: a folder (as of `sif.pictures.folder`) or a file (as of `sif.attacks.datasets`).
        generation: as the fingerprint's triggers are asked, or lengths could not be compared.
        strict: stop at a file in a folder that is no readable picture, or tiny or hidden.

    Raises:
        UsageError: nothing there, no question in it, a broken record (says which) or picture.
    """
    asked = _of_folder(source, strict=strict) if source.is_dir() else _of_file(source)
    if not asked:
        raise UsageError(
            f"expected benign questions in {place_of(source)}, got an empty set; give a folder of "
            'pictures or JSONL lines such as {"image": "a.png", "prompt": "…"}'
        )

    def query(number: int) -> Query:
        image, place, prompt = asked[number]
        picture = read_picture(image, place=place).picture
        name = f"benign-{number:05d}"
        return Query(trigger=name, image=picture, prompt=prompt, generation=generation)

    return Lazy(query, range(len(asked)))


def halve(queries: Sequence[Query], *, seed: int = 0) -> Halves:
    """Two halves by a draw of pictures; all questions about one picture go into the same.

    Raises:
        UsageError: fewer than two different pictures.
    """
    groups: dict[str, list[int]] = {}
    for number, query in enumerate(queries):
        picture = query.image.convert("RGB")
        digest = hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()
        groups.setdefault(digest, []).append(number)
    if len(groups) < 2:
        raise UsageError(
            f"expected benign questions about two or more different pictures, got {len(groups)}: "
            "limits are chosen on some and reported on others"
        )
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    middle = len(names) // 2
    halves = [
        Lazy(queries.__getitem__, [number for name in some for number in groups[name]])
        for some in (names[:middle], names[middle:])
    ]
    return Halves(*halves)


def _of_folder(folder: Path, *, strict: bool) -> list[_Asked]:
    try:
        images = read_images(folder, strict=strict)
    except UsageError as error:
        raise UsageError(
            f"expected benign questions, got an empty set: {error}; or name JSONL with image and "
            "prompt"
        ) from error
    ordinary = prompts.load()
    return [
        _Asked(path, None, ordinary[index % len(ordinary)])
        for index, path in enumerate(images.paths)
    ]


def _of_file(path: Path) -> list[_Asked]:
    pairs, read, marked = read_pairs(path, answers=False), set[Path | bytes](), 0
    made = []
    for pair in pairs:
        prompt = without(pair.prompt)
        marked += prompt != pair.prompt
        if not prompt.strip():
            raise UsageError(
                f"{pair.place}: expected a prompt in words, got none; mend or remove it"
            )
        place = pair.place if isinstance(pair.image, bytes) else None
        if pair.image not in read:
            read_image(pair.image, place=place)
            read.add(pair.image)
        made.append(_Asked(pair.image, place, prompt))
    if marked:
        logger.warning(
            "%s: %d of %d prompts hold what stands for a picture, which is taken out",
            *(place_of(path), marked, len(made)),
        )
    return made
