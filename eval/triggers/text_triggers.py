"""Triggers that are words: what lies in their folder, and how they are read again.

Every one is asked with the same neutral picture, plain grey at the model's native extent, as a
vision-language model is asked about something. The folder holds request.json and NNNN.json for
every trigger. Knows nothing of how they are found.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import StorageError
from sif.eval.triggers.textual_recipe import TextualRecipe
from sif.files import write_atomically
from sif.fingerprint.objectives.target_answer import contains_target
from sif.fingerprint.plan import trigger_id
from sif.plain_files import read_text_file
from sif.prompts import Pair
from sif.types import GenerationSettings
from sif.vlm.model import Vlm

REQUEST: Final = "request.json"
GREY: Final = 128
SIDE: Final = 336
AT_ONCE: Final = 64
"""Questions that are answered together."""
NEUTRAL: Final = "neutral grey"
"""Stands for the name of a base image."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1


class TextRequest(_Record):
    """Everything that decides a set of triggers; a folder is resumed only with the same one.

    Attributes:
        model: digest of the weights that it is made on.
        pairs: plain questions with the answers that are wanted.
        extent: width and height of the neutral picture.
        grey: its value, of 255.
    """

    model: str | None
    recipe: TextualRecipe
    pairs: tuple[Pair, ...] = Field(min_length=1)
    seed: int
    device: str
    extent: tuple[int, int]
    grey: int = GREY


class TextRecord(_Record):
    """One trigger.

    Attributes:
        question: what a suspect is asked, prefix and all.
        plain: the question without a prefix.
        answer: wanted.
        matched: whether the protected model gave it.
        losses: of the search, in nats a token; none where nothing was searched.
    """

    id: str
    question: str
    plain: str
    answer: str
    matched: bool
    source_image: str = NEUTRAL
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class TextTrigger:
    """A trigger with its record; the picture is neutral, and its own base image."""

    record: TextRecord
    image: Image.Image
    base: Image.Image


RecordT = TypeVar("RecordT", bound=_Record)


def neutral(vlm: Vlm) -> Image.Image:
    """The picture that questions are asked with: plain grey, at the model's native extent."""
    return vlm.prepare(Image.new("RGB", (SIDE, SIDE), (GREY,) * 3))


def claim(folder: Path, request: TextRequest) -> None:
    """Makes the folder that of these triggers.

    Raises:
        StorageError: it was begun with other settings.
    """
    if not (folder / REQUEST).exists():
        write_atomically(folder / REQUEST, request.model_dump_json(indent=2))
    elif _read(folder / REQUEST, TextRequest) != request:
        raise StorageError(
            f"expected the settings that {folder} was begun with, got others; use the same ones or "
            "another folder"
        )


def is_made(folder: Path, number: int) -> bool:
    """Whether a trigger lies there whole."""
    return (folder / f"{trigger_id(number)}.json").exists()


def keep(
    folder: Path,
    number: int,
    *,
    pair: Pair,
    prompt: str,
    said: str,
    losses: tuple[float, ...] = (),
) -> None:
    """Writes a trigger and whether the protected model's answer holds the wanted one."""
    record = TextRecord(
        id=trigger_id(number),
        question=prompt,
        plain=pair.question,
        answer=pair.answer,
        matched=contains_target(said, pair.answer),
        losses=losses,
    )
    write_atomically(folder / f"{record.id}.json", record.model_dump_json(indent=2))


def load_text(folder: Path) -> list[TextTrigger]:
    """Reads a finished folder.

    Raises:
        StorageError: missing, unfinished, damaged or of another version.
    """
    request = _read(folder / REQUEST, TextRequest)
    picture = Image.new("RGB", request.extent, (request.grey,) * 3)
    records = [
        _read(folder / f"{trigger_id(number)}.json", TextRecord)
        for number in range(len(request.pairs))
    ]
    for record, pair in zip(records, request.pairs, strict=True):
        if (record.plain, record.answer) != pair or not record.question.endswith(record.plain):
            raise StorageError(
                f"expected trigger {record.id} of {folder} to ask {pair.question!r}, got another "
                "question or answer; use a new folder"
            )
    return [TextTrigger(record=record, image=picture, base=picture) for record in records]


def say(vlm: Vlm, prompts: list[str]) -> list[str]:
    """Greedy answers to questions with the neutral picture, some at a time."""
    picture, said = neutral(vlm), list[str]()
    for start in range(0, len(prompts), AT_ONCE):
        some = prompts[start : start + AT_ONCE]
        answers = vlm.generate([picture] * len(some), some, GenerationSettings())
        said += [vlm.decode(ids) for ids in answers]
    return said


def _read(path: Path, kind: type[RecordT]) -> RecordT:
    try:
        return kind.model_validate_json(read_text_file(path))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        first = str(error).split("\n")[0]
        raise StorageError(
            f"expected {path} as this version writes it, got something else ({first}); use a new "
            "folder"
        ) from error
