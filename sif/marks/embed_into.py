"""Embedding into folders, for `sif activemark embed`: resumable after a kill.

1. The watermark's folder is claimed with the request. 2. Its key is drawn or copied, once. 3. The
training goes on from its checkpoint. 4. The marked model's folder is written. 5. The watermark is
written, its manifest last; the checkpoint goes. So each folder is whole or not there. Knows nothing
of how a mark is trained.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import StorageError, UsageError, WatermarkError
from sif.files import write_atomically
from sif.marks.embed import Marked, embed
from sif.marks.recipe import MarkRecipe
from sif.marks.train import Progress, Report
from sif.marks.verify import MarkVerdict, verify
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import MANIFEST, PRIVATE, SECRET, open_private
from sif.plain_files import read_text_file
from sif.staging import sweep
from sif.watermark.keys import KeyRing

REQUEST: Final = "request.json"
TRAINING: Final = "training.safetensors"

Show = Callable[[str, float, float, str], None]


class Request(BaseModel):
    """request.json: what a folder was begun with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    clean_sha256: str
    recipe: MarkRecipe
    seed: int
    others: tuple[str, ...]


def embed_into(
    folder: Path,
    model_folder: Path,
    vision: VisionModel,
    pictures: Sequence[Image.Image],
    *,
    recipe: MarkRecipe,
    keys: KeyRing | None,
    seed: int,
    others: Sequence[VisionModel],
    report: Report,
) -> Marked:
    """Marks a model and writes it and its watermark.

    Args:
        folder: of the watermark: new, or left by an interrupted run of the same request.
        model_folder: of the marked model; must not exist yet, unless that run wrote it.
        vision: the clean source.
        pictures: of any size.
        recipe: how.
        keys: the owner's; drawn where none are given and the folder has none.
        seed: of everything random but the keys.
        others: independent models, for the injected mode.
        report: called after every step.

    Raises:
        UsageError: folders that are taken, or what `embed` refuses.
        WatermarkError: the folder was begun for another request or with another key.
        StorageError: the disk refuses.
    """
    request = Request(
        clean_sha256=vision.digest(),
        recipe=recipe,
        seed=seed,
        others=tuple(other.digest() for other in others),
    )
    begun = _claim(folder, request)
    if model_folder.exists() and not begun:
        raise UsageError(f"{model_folder} exists already; name another folder or remove it first")
    marked = embed(
        vision,
        pictures,
        recipe=recipe,
        keys=_open_keys(folder, keys),
        seed=seed,
        others=others,
        checkpoint=folder / TRAINING,
        report=report,
    )
    _save_model(marked, model_folder)
    marked.watermark.save(folder)
    (folder / TRAINING).unlink(missing_ok=True)
    return marked


def embed_model(
    folder: Path,
    model_folder: Path,
    source: str | Path,
    pictures: Sequence[Image.Image],
    *,
    recipe: MarkRecipe,
    keys: KeyRing | None = None,
    seed: int = 0,
    others: Sequence[str] = (),
    device: str = "auto",
    show: Show = lambda stage, done, total, words: None,
) -> MarkVerdict:
    """Loads a model, marks it into folders, and verifies what was written.

    Args:
        folder: as of `embed_into`, like all that is not explained here.
        model_folder: of the marked model.
        source: folder or hub id of the clean model.
        pictures: of any size.
        recipe: how.
        keys: the owner's.
        seed: of everything random but the keys.
        others: folders or hub ids of independent models, for the injected mode.
        device: of the towers.
        show: is told of progress: stage, steps done, steps in all, and words.

    Returns:
        The verdict on the saved model.

    Raises:
        ModelError: a model cannot be loaded.
        UsageError: as of `embed_into`, like all other errors.
    """

    def report(progress: Progress) -> None:
        losses = progress.losses
        words = f"wrong bits {losses.wrong_bits:.1f}, drift {losses.feature:.3f}"
        show("training", progress.done, progress.steps, words)

    vision = VisionModel.load(source, device=device)
    marked = embed_into(
        folder,
        model_folder,
        vision,
        pictures,
        recipe=recipe,
        keys=keys,
        seed=seed,
        others=[VisionModel.load(one, device=device, readout=vision.readout) for one in others],
        report=report,
    )
    return verify(marked.watermark, marked.watermark.load_suspect(model_folder, device))


def _claim(folder: Path, request: Request) -> bool:
    """Whether the folder was begun for the same request before."""
    path = folder / REQUEST
    if (folder / MANIFEST).exists():
        (folder / TRAINING).unlink(missing_ok=True)  # of a run that was killed at its very end
        raise UsageError(f"{folder} holds a finished watermark; name another folder")
    if not path.exists():
        sweep(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"expected a new folder, got {folder}, which is not empty")
        open_private(folder)
        write_atomically(path, request.model_dump_json(indent=2), mode=PRIVATE)
        return False
    try:
        begun = Request.model_validate_json(read_text_file(path))
    except ValidationError as error:
        raise WatermarkError(
            f"expected a request of version 1 in {path}, got something else; use a new folder"
        ) from error
    if begun != request:
        raise WatermarkError(
            f"expected the request that {folder} was begun with, got another "
            f"{_first_difference(begun, request)}; use the same or another folder"
        )
    return True


def _first_difference(begun: Request, request: Request) -> str:
    ours, theirs = _flat(begun.model_dump(mode="json")), _flat(request.model_dump(mode="json"))
    name = next(key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key))
    return f"{name} ({str(ours.get(name))[:40]} then, {str(theirs.get(name))[:40]} now)"


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, **content["recipe"], "recipe": None}


def _open_keys(folder: Path, given: KeyRing | None) -> KeyRing:
    path = folder / SECRET
    if not path.exists():
        keys = given or KeyRing.generate()
        keys.save(path)
        return keys
    kept = KeyRing.load(path)
    if given is not None and given != kept:
        raise WatermarkError(
            f"expected the key of the interrupted run in {path}, got another one; use the same "
            "key or another folder: keys are never replaced"
        )
    return kept


def _save_model(marked: Marked, folder: Path) -> None:
    if not folder.exists():
        marked.model.save(folder)
        return
    there = VisionModel.load(folder, device="cpu", readout=marked.model.readout)
    if there.digest() != marked.watermark.manifest.marked_sha256:
        raise StorageError(
            f"expected {folder} to hold the model that was marked before the interruption, got "
            "another; name another folder or remove it first"
        )
