"""Marks a source in one mode, or finds the mark of an earlier run; measures what it costs."""

import logging
import time
from pathlib import Path

from sif.errors import UsageError
from sif.eval.jobs import Show
from sif.eval.marks.pictures import owners_pictures
from sif.eval.marks.results import Marking, MethodCost, Rows, found_again
from sif.eval.marks.setting import Mode, Places, Setting, Source
from sif.eval.marks.utility import digit_probe, drift
from sif.marks.embed import embed
from sif.marks.recipe import MarkRecipe, load_recipe
from sif.marks.train import Progress
from sif.marks.verify import verify
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import MANIFEST, Watermark

logger = logging.getLogger(__name__)


def mark(setting: Setting, out: Path, source: Source, mode: Mode, show: Show) -> Rows:
    """Marks a source; its marked model and its watermark lie in their places afterwards.

    No rows come, and no watermark lies there, where the training came to nothing.
    """
    places = Places(out, source, mode)

    def work() -> Rows:
        clean = VisionModel.load(places.clean, device="cpu")
        start = time.process_time()
        try:
            embed_into(
                places,
                clean,
                recipe=recipe_of(setting, mode, setting.steps_of(source)),
                setting=setting,
                source=source,
                mode=mode,
                show=show,
            )
        except UsageError as error:  # the training came to nothing: no hold-out image is decoded
            logger.warning("no mark in %s by %s: %s", source, mode, error)
            return Rows()
        return _measure(setting, places, source, mode, clean, time.process_time() - start)

    return found_again(places.row("rows", "marking"), work)


def recipe_of(setting: Setting, mode: Mode, steps: int | None) -> MarkRecipe:
    """The recipe of a mode at the benchmark's size, with its own steps where none are given."""
    return load_recipe(mode, holdout=setting.holdout, steps=steps)


def embed_into(
    places: Places,
    clean: VisionModel,
    *,
    recipe: MarkRecipe,
    setting: Setting,
    source: Source,
    mode: Mode,
    show: Show,
) -> None:
    """Trains a mark and saves model and watermark; an interrupted training goes on."""
    if places.marked.exists() and (places.watermark / MANIFEST).exists():
        return

    def report(progress: Progress) -> None:
        show(f"mark {source} {mode}", progress.done, progress.steps, "")

    unfinished = places.root / "unfinished.safetensors"
    made = embed(
        clean,
        owners_pictures(setting.pictures, seed=setting.seed),
        recipe=recipe,
        keys=setting.keys(source, mode),
        seed=setting.seed,
        checkpoint=unfinished,
        report=report,
    )
    made.watermark.save(places.watermark)
    if not places.marked.exists():
        made.model.save(places.marked)
    unfinished.unlink(missing_ok=True)


def _measure(
    setting: Setting, places: Places, source: Source, mode: Mode, clean: VisionModel, seconds: float
) -> Rows:
    watermark = Watermark.load(places.watermark)
    marked = VisionModel.load(places.marked, device="cpu", readout=watermark.manifest.readout)
    start = time.process_time()
    verify(watermark, marked)
    extraction = time.process_time() - start
    cosines = drift(setting, clean, marked)
    row = Marking(
        source=source,
        mode=mode,
        block=watermark.manifest.block,
        images=len(watermark.pictures),
        threshold=watermark.manifest.threshold,
        cosine=float(cosines.mean()),
        lowest=float(cosines.min()),
        clean_probe=digit_probe(setting, clean),
        probe=digit_probe(setting, marked),
        seconds=seconds,
        extraction=extraction,
    )
    return Rows(markings=(row,), costs=(MethodCost(source=source, method=mode, seconds=seconds),))
