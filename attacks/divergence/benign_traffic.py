"""Benign traffic: ordinary questions about ordinary pictures, and its two halves.

Knows neither models nor signals.
"""

import hashlib
import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from sif import prompts
from sif.attacks.datasets import read_pairs
from sif.errors import UsageError
from sif.pictures.folder import read_images
from sif.pictures.reading import place_of, read_image
from sif.types import GenerationSettings, Query
from sif.vlm.placeholders import without

logger = logging.getLogger(__name__)


class Halves(NamedTuple):
    """Benign questions to choose limits on, and others to report on; no picture is in both."""

    calibration: list[Query]
    reported: list[Query]


def read_benign(
    source: Path, generation: GenerationSettings, *, strict: bool = False
) -> list[Query]:
    """Questions from a folder of pictures, or from a data set with pictures and prompts.

    The pictures of a folder are asked about with the ordinary prompts in turn. What stands for a
    picture in a prompt is taken out: whoever is asked has a template of his own.

    Args:
        source: a folder (as of `sif.pictures.folder`) or a file (as of `sif.attacks.datasets`).
        generation: as the fingerprint's triggers are asked, or lengths could not be compared.
        strict: stop at a file in a folder that is no readable picture, or tiny or hidden.

    Raises:
        UsageError: nothing there, no question in it, a broken record (says which) or picture.
    """
    pairs = _of_folder(source, strict=strict) if source.is_dir() else _of_file(source)
    if not pairs:
        raise UsageError(
            f"expected benign questions in {place_of(source)}, got an empty set; give a folder of "
            'pictures or JSONL lines such as {"image": "a.png", "prompt": "…"}'
        )
    return [
        Query(trigger=f"benign-{number:05d}", image=image, prompt=prompt, generation=generation)
        for number, (image, prompt) in enumerate(pairs)
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


def _of_folder(folder: Path, *, strict: bool) -> list[tuple[Image.Image, str]]:
    try:
        images = read_images(folder, strict=strict)
    except UsageError as error:
        raise UsageError(
            f"expected benign questions, got an empty set: {error}; or name JSONL with image and "
            "prompt"
        ) from error
    ordinary = prompts.load()
    return [(one, ordinary[index % len(ordinary)]) for index, one in enumerate(images.pictures)]


def _of_file(path: Path) -> list[tuple[Image.Image, str]]:
    pairs, pictures, marked = read_pairs(path, answers=False), dict[Path, Image.Image](), 0
    made = []
    for pair in pairs:
        prompt = without(pair.prompt)
        marked += prompt != pair.prompt
        if not prompt.strip():
            raise UsageError(
                f"{pair.place}: expected a prompt in words, got none; mend or remove it"
            )
        if isinstance(pair.image, bytes):
            picture = read_image(pair.image, place=pair.place)
        else:
            picture = pictures.get(pair.image) or read_image(pair.image)
            pictures[pair.image] = picture
        made.append((picture, prompt))
    if marked:
        logger.warning(
            "%s: %d of %d prompts hold what stands for a picture, which is taken out",
            *(place_of(path), marked, len(made)),
        )
    return made
