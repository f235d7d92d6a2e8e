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
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import UsageError
from sif.pictures.colours import to_rgb
from sif.pictures.reading import place_of, read_image
from sif.validation import first_fault
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


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    image: str = Field(min_length=1)
    prompt: str
    answer: str = Field(min_length=1)


def load_examples(path: Path) -> list[Example]:
    """Reads JSONL lines such as `{"image": "a.png", "prompt": "…", "answer": "…"}`.

    Args:
        path: the file; image paths are relative to its folder. Blank lines and further fields are
            passed over.

    Raises:
        UsageError: no such file, no example in it, or a broken line (says which).
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"expected a JSONL file at {path}: {error}") from error
    examples = [
        _read(line, path, number) for number, line in enumerate(lines, start=1) if line.strip()
    ]
    if not examples:
        raise UsageError(f"expected at least one example in {path}, found none")
    return examples


def _read(text: str, path: Path, number: int) -> Example:
    try:
        line = _Line.model_validate_json(text)
    except ValidationError as error:
        fault = first_fault(error)
        field = f"{fault.where!r}: " if fault.where else ""
        raise UsageError(
            f"{path}, line {number}: expected image, prompt and answer as JSON, "
            f"got {field}{fault.what}"
        ) from error
    image = path.parent / line.image
    if not image.is_file():
        raise UsageError(f"{path}, line {number}: expected a picture at {image}, found none")
    return Example(image=image, prompt=line.prompt, answer=line.answer)


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
            content = example.image.read_bytes()
        elif isinstance(example.image, bytes):
            content = example.image
        else:
            content = repr(example.image.size).encode() + example.image.convert("RGB").tobytes()
        for part in (example.prompt.encode(), example.answer.encode(), content):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()
