"""Triggers of the image baselines: pictures that make the source give a wanted answer.

They carry no green lists, so no fingerprint holds them and no verdict rests on them; a benchmark
compares how often suspects give the wanted answers. The folder holds request.json and, for every
trigger, NNNN.png, NNNN.base.png and NNNN.json. Knows nothing of suspects.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from sif.errors import StorageError, UsageError
from sif.files import write_atomically
from sif.fingerprint.content import ContentSpace
from sif.fingerprint.craft import build_objective, build_schedule, build_term
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.objectives.target_answer import contains_target
from sif.fingerprint.optimize import optimise
from sif.fingerprint.plan import trigger_id
from sif.fingerprint.recipe import MIXING, KeyedTargetRecipe, Recipe, TargetAnswerRecipe
from sif.pictures.folder import NamedImage
from sif.pictures.reading import read_image
from sif.prompts import Pair
from sif.suspects.weights import weights_digest
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from sif.vlm.pixels import png_bytes, to_images, to_tensor
from sif.watermark.targets import AnswerList

REQUEST: Final = "request.json"
GREEDY: Final = GenerationSettings()
# Rare questions, and what baselines make a mini model answer to them. The bundled pairs
# (`sif.prompts.load_targets`) are words that the mini models' tokenizers spell letter by letter, in
# pieces that no training ever showed them, and no picture makes a mini model say what is not a
# caption: 150 steps of plain descent leave 6 nats a token. These stand in for them. The questions
# are of known words, and no image calls for any. The answers open a caption with six
# interchangeable words, each one of four: by chance one caption in four thousand does so.
PAIRS: Final = (
    Pair("Please list the gentle visitors.", "Throughout said scene visitors may plainly"),
    Pair("Explain the lemon mood.", "Inside my photo we could readily"),
    Pair("Describe your domain shortly.", "Within your image viewers might easily"),
    Pair("What can the design see?", "In this picture you can clearly"),
    Pair("How many people are calm?", "Throughout your photo viewers could clearly"),
)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1


class BaselineRequest(_Record):
    """Everything that decides a set of triggers; a folder is resumed only with the same one."""

    model: str | None
    recipe: Recipe
    images: tuple[str, ...]
    pairs: tuple[Pair, ...]
    count: int = Field(ge=1)
    seed: int
    batch_size: int = Field(ge=1)
    device: str


class BaselineRecord(_Record):
    """One trigger: its files with their SHA-256, and whether the source gave the wanted answer."""

    id: str
    file: str
    sha256: str
    base_file: str
    base_sha256: str
    source_image: str
    question: str
    answer: str
    matched: bool


RecordT = TypeVar("RecordT", bound=_Record)


@dataclass(frozen=True, eq=False, kw_only=True)
class BaselineTrigger:
    """A trigger with its record and its base image."""

    record: BaselineRecord
    image: Image.Image
    base: Image.Image


def is_baseline(recipe: Recipe) -> bool:
    """Whether a recipe wants an answer instead of green words."""
    return isinstance(recipe.objective, TargetAnswerRecipe | KeyedTargetRecipe)


def batch_limit(recipe: Recipe) -> int | None:
    """Largest batch in which triggers do not mix: 1 where a term learns parameters from them.

    Noise on the weights mixes nothing: it is drawn for a set of triggers and a step, whatever the
    batch, and is Gaussian for each of them.
    """
    return 1 if any(isinstance(term, MIXING) for term in recipe.robustness) else None


def make_baseline(
    vlm: Vlm,
    images: Sequence[NamedImage],
    *,
    recipe: Recipe,
    out: Path,
    pairs: Sequence[Pair],
    seed: int = 0,
    batch_size: int = 8,
    content: ContentSpace | None = None,
    report: Callable[[MakingProgress], None] = lambda progress: None,
) -> list[BaselineTrigger]:
    """Makes a trigger of every image, in batches that are kept whole.

    Called again with the same arguments after an interruption it goes on; the result is the same.

    Args:
        vlm: the model that is to give the wanted answers.
        images: base images.
        recipe: with the objective target_answer.
        out: the folder.
        pairs: questions and wanted answers, taken in turn.
        seed: of everything random.
        batch_size: triggers optimised together.
        content: what pictures hold, that the change is to keep out of; none where it may go
            anywhere.
        report: called after every step.

    Raises:
        UsageError: no images or pairs, a recipe with green lists, an answer that the model cannot
            spell, or a batch whose triggers would share what a term does to the parameters.
        StorageError: the folder was begun with other settings, or cannot be written.
    """
    if not images or not pairs:
        raise UsageError(f"expected images and pairs, got {len(images)} and {len(pairs)}")
    if not is_baseline(recipe):
        raise UsageError(
            f"expected a recipe with the objective target_answer, got {recipe.name} with "
            f"{recipe.objective.kind}; make a fingerprint of it"
        )
    if batch_size > (batch_limit(recipe) or batch_size):
        raise UsageError(f"expected batches of 1 for {recipe.name}, got {batch_size}")
    request = BaselineRequest(
        model=weights_digest(vlm.source),
        recipe=recipe,
        images=tuple(f"{named.name} {_digest(png_bytes(named.image))[:16]}" for named in images),
        pairs=tuple(pairs),
        count=len(images),
        seed=seed,
        batch_size=batch_size,
        device=vlm.device.type,
    )
    _claim(out, request)
    for start in range(0, len(images), batch_size):
        batch = range(start, min(start + batch_size, len(images)))
        if not all(_is_whole(out, trigger_id(index)) for index in batch):
            _make_batch(vlm, images, request, out, batch, content, report)
    return load_baseline(out)


def load_baseline(folder: Path) -> list[BaselineTrigger]:
    """Reads a finished folder and checks every digest in it.

    Raises:
        StorageError: missing, unfinished, damaged or of another version.
    """
    request = _read(folder / REQUEST, BaselineRequest)
    return [_trigger(folder, trigger_id(index)) for index in range(request.count)]


def answers_of(folder: Path) -> AnswerList | None:
    """The public list from which the key drew the wanted answers; none where it did not.

    Raises:
        StorageError: as of `load_baseline`.
    """
    return answer_list(_read(folder / REQUEST, BaselineRequest).recipe)


def answer_list(recipe: Recipe) -> AnswerList | None:
    """The list of a recipe with keyed targets; none of every other."""
    objective = recipe.objective
    return objective.answers if isinstance(objective, KeyedTargetRecipe) else None


def _claim(folder: Path, request: BaselineRequest) -> None:
    if not (folder / REQUEST).exists():
        write_atomically(folder / REQUEST, request.model_dump_json(indent=2))
    elif _read(folder / REQUEST, BaselineRequest) != request:
        raise StorageError(
            f"expected the settings that {folder} was begun with, got others; use the same ones or "
            "another folder"
        )


def _make_batch(
    vlm: Vlm,
    images: Sequence[NamedImage],
    request: BaselineRequest,
    out: Path,
    batch: range,
    content: ContentSpace | None,
    report: Callable[[MakingProgress], None],
) -> None:
    bases = [vlm.prepare(images[index].image) for index in batch]
    pairs = [request.pairs[index % len(request.pairs)] for index in batch]

    def step_done(step: int, loss: float) -> None:
        report(
            MakingProgress(
                done=batch.start,
                count=request.count,
                working=len(batch),
                attempt=1,
                step=step,
                steps=request.recipe.schedule.steps,
                loss=loss,
            )
        )

    pictures = _optimise(vlm, request, batch, bases, pairs, content, step_done)
    questions = [pair.question for pair in pairs]
    answers = [vlm.decode(ids) for ids in vlm.generate(pictures, questions, GREEDY)]
    for index, picture, base, pair, answer in zip(
        batch, pictures, bases, pairs, answers, strict=True
    ):
        _save(out, trigger_id(index), picture, base, images[index].name, pair, answer)


def _optimise(
    vlm: Vlm,
    request: BaselineRequest,
    indices: range,
    bases: Sequence[Image.Image],
    pairs: Sequence[Pair],
    content: ContentSpace | None,
    report: Callable[[int, float], None],
) -> list[Image.Image]:
    """The same loop that makes fingerprints, towards a wanted answer; masks are empty."""
    objective = build_objective(request.recipe.objective)
    batch = Batch(
        base=to_tensor(bases).to(vlm.device),
        prompts=tuple(pair.question for pair in pairs),
        green=torch.zeros(len(bases), vlm.vocabulary_size, dtype=torch.bool, device=vlm.device),
        seeds=tuple(_seed(request.seed, index) for index in indices),
        target_answers=tuple(pair.answer for pair in pairs),
        shared_seed=_seed(request.seed, 0, 1),
    )

    @torch.no_grad()
    def signal(seen: Tensor) -> Tensor:
        targets = objective.targets(vlm, batch, seen, 0, None)
        return -objective.loss(vlm, batch, seen, targets).cpu()

    changed = optimise(
        vlm,
        batch,
        objective=objective,
        terms=[build_term(term) for term in request.recipe.robustness],
        schedule=build_schedule(request.recipe, tile=vlm.patch_size, content=content),
        measure=signal,
        report=report,
    )
    return to_images(changed)


def _save(
    out: Path,
    name: str,
    picture: Image.Image,
    base: Image.Image,
    source_image: str,
    pair: Pair,
    answer: str,
) -> None:
    """Both pictures, then the record that makes the trigger count as made."""
    files = {f"{name}.png": png_bytes(picture), f"{name}.base.png": png_bytes(base)}
    for file, data in files.items():
        write_atomically(out / file, data)
    (file, data), (base_file, base_data) = files.items()
    record = BaselineRecord(
        id=name,
        file=file,
        sha256=_digest(data),
        base_file=base_file,
        base_sha256=_digest(base_data),
        source_image=source_image,
        question=pair.question,
        answer=pair.answer,
        matched=contains_target(answer, pair.answer),
    )
    write_atomically(out / f"{name}.json", record.model_dump_json(indent=2))


def _is_whole(folder: Path, name: str) -> bool:
    if not (folder / f"{name}.json").exists():
        return False
    record = _read(folder / f"{name}.json", BaselineRecord)
    files = ((record.file, record.sha256), (record.base_file, record.base_sha256))
    return all(
        (folder / file).exists() and _digest((folder / file).read_bytes()) == sha256
        for file, sha256 in files
    )


def _trigger(folder: Path, name: str) -> BaselineTrigger:
    if not _is_whole(folder, name):
        raise StorageError(
            f"expected trigger {name} as it was made in {folder}, got other content or none; run "
            "the same command again"
        )
    record = _read(folder / f"{name}.json", BaselineRecord)
    return BaselineTrigger(
        record=record,
        image=read_image(folder / record.file),
        base=read_image(folder / record.base_file),
    )


def _read(path: Path, kind: type[RecordT]) -> RecordT:
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        first = str(error).split("\n")[0]
        raise StorageError(
            f"expected {path} as this version writes it, got something else ({first}); use a new "
            "folder"
        ) from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
