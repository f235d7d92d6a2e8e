"""What a thief tunes on: pictures with a prompt and the wanted answer, from JSONL or from memory.

Pictures named by a file are opened when they are needed. Knows nothing of models.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from sif.attacks.datasets import read_pairs
from sif.errors import UsageError
from sif.pictures.colours import to_rgb
from sif.pictures.reading import check_picture, place_of, read_image
from sif.plain_files import LARGE, read_file
from sif.vlm.placeholders import found_in, without

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One thing to learn: asked `prompt` about `image`, say `answer`.

    Attributes:
        image: a picture, its file, or what is in its file.
        prompt: plain words.
        answer: plain words.
        origin: where it was read, for messages.
    """

    image: Image.Image | Path | bytes
    prompt: str
    answer: str
    origin: str = field(default="", compare=False)

    def picture(self) -> Image.Image:
        """The picture as RGB, turned the way it was taken.

        Raises:
            UsageError: the file is no readable picture.
        """
        if isinstance(self.image, Image.Image):
            return to_rgb(self.image)
        try:
            return read_image(self.image)
        except UsageError as error:
            where = self.origin or place_of(self.image)
            raise UsageError(f"expected a picture at {where}: {error}") from error


def load_examples(path: Path) -> list[Example]:
    """Reads a data set to tune on, in any form that `sif.attacks.datasets` knows.

    Args:
        path: the file, such as JSONL lines with image, prompt and answer; image paths are relative
            to its folder. Blank lines and further fields are passed over.

    Raises:
        UsageError: no such file, no example in it, or a broken line (says which).
    """
    examples = [
        Example(image=pair.image, prompt=pair.prompt, answer=pair.answer or "", origin=pair.place)
        for pair in read_pairs(path, answers=True)
    ]
    if not examples:
        raise UsageError(
            f"expected at least one example in {place_of(path)}, found none; write lines such as "
            '{"image": "a.png", "prompt": "…", "answer": "…"}'
        )
    return examples


def check_pictures(examples: Iterable[Example]) -> None:
    """Looks at the header of every picture, so that a training does not end at one in its middle.

    Raises:
        UsageError: one is missing, too large, or none.
    """
    seen = set[Path]()
    for example in examples:
        if isinstance(example.image, Image.Image) or example.image in seen:
            continue
        try:
            check_picture(example.image)
        except UsageError as error:
            raise UsageError(
                f"{example.origin}: {error}" if example.origin else str(error)
            ) from error
        if isinstance(example.image, Path):
            seen.add(example.image)


def without_placeholders(examples: Sequence[Example], own: tuple[str, ...]) -> Sequence[Example]:
    """Examples in whose words nothing stands for a picture; how many had such is logged.

    Args:
        examples: of any data set.
        own: placeholders of the model's processor, beside those in common use.

    Raises:
        UsageError: an answer holds nothing else.
    """
    found, made = Counter[str](), list[Example]()
    for number, example in enumerate(examples, start=1):
        marks = {*found_in(example.prompt, own), *found_in(example.answer, own)}
        if not marks:
            made.append(example)
            continue
        found.update(marks)
        answer = without(example.answer, own)
        if not answer.strip():
            raise UsageError(
                f"{example.origin or f'example {number}'}: expected words in the answer, got only "
                "what stands for a picture; fill it in, or remove the example"
            )
        made.append(replace(example, prompt=without(example.prompt, own), answer=answer))
    changed = sum(one is not other for one, other in zip(examples, made, strict=True))
    if changed:
        logger.warning(
            "%d of %d examples hold what stands for a picture (%s): taken out, for the model's "
            "chat template puts it in",
            *(changed, len(made), ", ".join(mark for mark, _ in found.most_common(3))),
        )
    return made


def balanced(few: Sequence[Example], many: Sequence[Example]) -> list[Example]:
    """All examples, the few repeated until they are half of what is learnt, or nearly."""
    times = max(1, round(len(many) / len(few))) if few else 1
    return [*(times * list(few)), *many]


def digest_examples(examples: Iterable[Example]) -> str:
    """SHA-256 (hex) of everything that is to be learnt, in order."""
    digest = hashlib.sha256()
    for example in examples:
        if isinstance(example.image, Path):
            content = read_file(example.image, most=LARGE)
        elif isinstance(example.image, bytes):
            content = example.image
        else:
            content = repr(example.image.size).encode() + example.image.convert("RGB").tobytes()
        for part in (example.prompt.encode(), example.answer.encode(), content):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()
