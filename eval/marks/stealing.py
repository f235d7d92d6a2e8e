"""Makes the suspects: folders of copies, the removal attempts among them, and innocents.

A folder that is there is not made again.
"""

import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from sif.attacks.weights.schedule import Training
from sif.attacks.weights.theft import steal
from sif.attacks.weights.vision_distillation import distil, fresh_like
from sif.attacks.weights.vision_tuning import Head, new_head, predictions, tune_vision
from sif.eval.downstream.probe import mean_iou
from sif.eval.marks.marking import recipe_of
from sif.eval.marks.pictures import owners_pictures, thiefs_pictures
from sif.eval.marks.roster import TUNED, WORN, Course, Tuned
from sif.eval.marks.setting import Mode, Places, Setting, Source
from sif.eval.marks.utility import task_of
from sif.files import write_atomically
from sif.marks.embed import embed
from sif.marks.vision_model import VisionModel

STUDENT = 9001


def tuning(setting: Setting, course: Course, factor: float = 1.0) -> Training:
    """The settings of every fine-tuning here: AdamW, batches of 32, all layers."""
    return Training(
        scope="all",
        steps=setting.tuning_steps,
        learning_rate=factor * setting.tuning_rate,
        pace=course,
        batch_size=32,
        seed=setting.seed,
    )


def make_copy(setting: Setting, places: Places, source: Source, mode: Mode, name: str) -> float:
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


def tune(setting: Setting, start: Path, folder: Path, tuned: Tuned) -> None:
    """Fine-tunes a model and saves it, with its head beside the folder."""
    vision = VisionModel.load(start, device="cpu")
    task = task_of(setting, tuned.task)
    settings = tuning(setting, tuned.course, tuned.factor)
    head = tune_vision(vision, task.train, settings, classes=task.classes)
    head_file(folder).parent.mkdir(parents=True, exist_ok=True)
    save_file(head.state_dict(), head_file(folder))
    vision.save(folder)


def head_file(folder: Path) -> Path:
    """Where the head of a tuned copy lies."""
    return folder.with_suffix(".head.safetensors")


def load_head(setting: Setting, folder: Path, vision: VisionModel, task_name: str) -> Head:
    """The head that a copy was tuned with."""
    task = task_of(setting, task_name)
    head = new_head(vision, task.train.labels, task.classes)
    head.load_state_dict(load_file(head_file(folder)))
    return head.eval().requires_grad_(False)


def tuned_accuracy(setting: Setting, folder: Path, tuned: Tuned) -> float:
    """How good a tuned copy is at its task: accuracy, or mean intersection over union."""
    vision = VisionModel.load(folder, device="cpu")
    task = task_of(setting, tuned.task)
    said = predictions(vision, load_head(setting, folder, vision, tuned.task), task.test)
    if tuned.task == "segments":
        return mean_iou(said, task.test.labels, task.classes)
    return float((said == task.test.labels).float().mean())


def _overwrite(setting: Setting, places: Places, source: Source, mode: Mode, folder: Path) -> None:
    """Another mark on the very hold-out images, with other keys, by a third of the recipe."""
    recipe = recipe_of(setting, mode, setting.steps_of(source))
    marked = VisionModel.load(places.marked, device="cpu")
    made = embed(
        marked,
        owners_pictures(setting.pictures, seed=setting.seed),
        recipe=recipe.model_copy(update={"steps": max(1, recipe.steps // 3)}),
        keys=setting.keys(source, mode, "thief"),
        seed=setting.seed,
    )
    made.model.save(folder)


def _distil(setting: Setting, start: Path, folder: Path) -> None:
    teacher = VisionModel.load(start, device="cpu")
    student = fresh_like(teacher, seed=STUDENT)
    settings = Training(
        steps=setting.distillation_steps, learning_rate=1e-3, batch_size=32, seed=setting.seed
    )
    with torch.random.fork_rng(devices=[]):
        pictures = thiefs_pictures(4 * setting.unseen, seed=setting.seed)
        distil(teacher, student, pictures, settings)
    student.save(folder)
