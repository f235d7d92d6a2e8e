"""Makes the suspects, innocents and copies, removal attempts among them, and reads a mark in them.

A folder that is there is not made again. Of a reading there is a row for every hold-out image, and
one for the suspect.
"""

import time
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file

from sif.attacks.weights.schedule import Training
from sif.attacks.weights.theft import steal
from sif.attacks.weights.vision_distillation import distil, fresh_like
from sif.attacks.weights.vision_tuning import Head, new_head, predictions, tune_vision
from sif.errors import ModelError, UsageError
from sif.eval.downstream.probe import mean_iou
from sif.eval.marks.material import drift, owners_pictures, task_of, thiefs_pictures
from sif.eval.marks.results import Reading, Rows, Suspected, found_again
from sif.eval.marks.setting import (
    MARKED,
    TUNED,
    TUNED_INNOCENT,
    WORN,
    MarkSettings,
    Mode,
    Places,
    Source,
    Tuned,
    bundled_name,
)
from sif.files import write_atomically
from sif.marks.embed import embed
from sif.marks.verify import verify
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark
from sif.mini.catalogue import find
from sif.mini.folders import export
from sif.mini.vision.catalogue import VISION_MODELS
from sif.mini.vision.folders import export_vision

STUDENT: Final = 9001
REFUSED: Final = "other shapes"


def prepare_source(setting: MarkSettings, out: Path, source: Source) -> None:
    """Writes the folders that all modes share: the clean source and the innocents."""
    places = Places(out, source, setting.modes[0])
    write_bundled(bundled_name(source), places.clean)
    for name, role in setting.everybody(source).items():
        if role != "innocent":
            continue
        if name == TUNED_INNOCENT:
            if not places.innocent(name).exists():
                tune(setting, places.clean, places.innocent(name), TUNED["digits-cosine"])
        elif name != "clean":
            write_bundled(name, places.innocent(name))


def write_bundled(name: str, folder: Path) -> None:
    """Writes a bundled model's folder, unless it is there.

    Raises:
        UsageError: no such model.
        ModelError: its weights are not bundled.
        StorageError: the disk refuses.
    """
    if folder.exists():
        return
    known: dict[str, Any] = {model.name: model for model in VISION_MODELS}
    if name in known:
        export_vision(known[name], folder)
    else:
        export(find(name), folder)


def make_copy(
    setting: MarkSettings, places: Places, source: Source, mode: Mode, name: str
) -> float:
    """Makes one copy of the marked model; the seconds that it took, or had taken."""
    folder = places.copy(name)
    clock = folder.with_suffix(".seconds")
    if folder.exists() and clock.exists():
        return float(clock.read_text())
    start = time.process_time()
    if not folder.exists():
        if name in WORN:
            steal(places.marked, folder, [WORN[name](places.clean)], device="cpu")
        elif name in TUNED:
            tune(setting, places.marked, folder, TUNED[name])
        elif name == "overwritten":
            _overwrite(setting, places, source, mode, folder)
        else:
            _distil(setting, places.marked, folder)
    seconds = time.process_time() - start
    write_atomically(clock, f"{seconds:.3f}")
    return seconds


def tune(setting: MarkSettings, start: Path, folder: Path, tuned: Tuned) -> None:
    """Fine-tunes a model and saves it, with its head beside the folder."""
    vision = VisionModel.load(start, device="cpu")
    task = task_of(setting, tuned.task)
    settings = setting.tuning(tuned.course, tuned.factor)
    head = tune_vision(vision, task.train, settings, classes=task.classes)
    head_file(folder).parent.mkdir(parents=True, exist_ok=True)
    save_file(head.state_dict(), head_file(folder))
    vision.save(folder)


def head_file(folder: Path) -> Path:
    """Where the head of a tuned copy lies."""
    return folder.with_suffix(".head.safetensors")


def load_head(setting: MarkSettings, folder: Path, vision: VisionModel, task_name: str) -> Head:
    """The head that a copy was tuned with."""
    task = task_of(setting, task_name)
    head = new_head(vision, task.train.labels, task.classes)
    head.load_state_dict(load_file(head_file(folder)))
    return head.eval().requires_grad_(False)


def tuned_accuracy(setting: MarkSettings, folder: Path, tuned: Tuned) -> float:
    """How good a tuned copy is at its task: accuracy, or mean intersection over union."""
    vision = VisionModel.load(folder, device="cpu")
    task = task_of(setting, tuned.task)
    said = predictions(vision, load_head(setting, folder, vision, tuned.task), task.test)
    if tuned.task == "segments":
        return mean_iou(said, task.test.labels, task.classes)
    return float((said == task.test.labels).float().mean())


def _overwrite(
    setting: MarkSettings, places: Places, source: Source, mode: Mode, folder: Path
) -> None:
    """Another mark on the very hold-out images, with other keys, by a third of the recipe."""
    recipe = setting.recipe(source, mode)
    marked = VisionModel.load(places.marked, device="cpu")
    made = embed(
        marked,
        owners_pictures(setting.pictures, seed=setting.seed),
        recipe=recipe.model_copy(update={"steps": max(1, recipe.steps // 3)}),
        keys=setting.keys(source, mode, "thief"),
        seed=setting.seed,
    )
    made.model.save(folder)


def _distil(setting: MarkSettings, start: Path, folder: Path) -> None:
    teacher = VisionModel.load(start, device="cpu")
    student = fresh_like(teacher, seed=STUDENT)
    settings = Training(
        steps=setting.distillation_steps, learning_rate=1e-3, batch_size=32, seed=setting.seed
    )
    with torch.random.fork_rng(devices=[]):
        pictures = thiefs_pictures(4 * setting.unseen, seed=setting.seed)
        distil(teacher, student, pictures, settings)
    student.save(folder)


def suspect(setting: MarkSettings, out: Path, source: Source, mode: Mode, name: str) -> Rows:
    """Makes a suspect where it is missing, and reads it."""
    places = Places(out, source, mode)
    role = setting.everybody(source)[name]
    if not places.marked.exists():
        return Rows()

    def work() -> Rows:
        seconds = None
        if role == "innocent":
            folder = places.innocent(name)
        elif name == MARKED:
            folder = places.marked
        else:
            seconds = make_copy(setting, places, source, mode, name)
            folder = places.copy(name)
        return _read(
            setting,
            places,
            folder,
            Suspected(
                source=source,
                mode=mode,
                suspect=name,
                role=role,
                decision=REFUSED,
                log10_e_value=0.0,
                accuracy=tuned_accuracy(setting, folder, TUNED[name]) if name in TUNED else None,
                cosine=None,
                seconds=seconds,
            ),
        )

    return found_again(places.row("rows", name), work)


def _read(setting: MarkSettings, places: Places, folder: Path, known: Suspected) -> Rows:
    watermark = Watermark.load(places.watermark)
    try:
        vision = VisionModel.load(folder, device="cpu", readout=watermark.manifest.readout)
        verdict = verify(watermark, vision)
    except (UsageError, ModelError):  # it cannot hold a copy of these weights
        return Rows(suspects=(known,))
    readings = tuple(
        Reading(
            source=known.source,
            mode=known.mode,
            suspect=known.suspect,
            role=known.role,
            image=number,
            wrong=wrong,
            bits=verdict.bits,
            detected=wrong <= verdict.threshold,
        )
        for number, wrong in enumerate(verdict.errors)
    )
    row = known.model_copy(
        update={
            "decision": verdict.decision,
            "log10_e_value": verdict.log10_e_value,
            "cosine": None if known.role == "innocent" else _cosine(setting, places, vision),
        }
    )
    return Rows(readings=readings, suspects=(row,))


def _cosine(setting: MarkSettings, places: Places, vision: VisionModel) -> float:
    clean = VisionModel.load(places.clean, device="cpu", readout=vision.readout)
    return float(drift(setting, clean, vision).mean())
