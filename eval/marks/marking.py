"""Marks a source: in one mode, or in every block in turn by the paper's recipe (its Table 1).

A mark is made once and found again. Unlike a watermark, which keeps only hold-out images without an
error, the errors of the table of blocks are over all.
"""

import logging
import time
from pathlib import Path

from jaxtyping import Bool, Int
from PIL import Image
from torch import Tensor

from sif.attacks.weights.vision_tuning import tune_vision
from sif.errors import UsageError
from sif.eval.marks.material import digit_probe, drift, owners_pictures, task_of
from sif.eval.marks.results import BlockRow, Marking, MethodCost, Rows, found_again
from sif.eval.marks.setting import MarkSettings, Mode, Places, Source
from sif.marks.bits import FairBits
from sif.marks.embed import embed
from sif.marks.pictures import divide, pixels_digest
from sif.marks.profiling import profile
from sif.marks.recipe import MarkRecipe
from sif.marks.train import Progress
from sif.marks.verify import injected_bits, verify
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import MANIFEST, Watermark
from sif.scale.crew import Show
from sif.watermark.activemark.losses import bit_errors
from sif.watermark.activemark.messages import secret_messages

logger = logging.getLogger(__name__)


def mark(setting: MarkSettings, out: Path, source: Source, mode: Mode, show: Show) -> Rows:
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
                recipe=setting.recipe(source, mode),
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


def embed_into(
    places: Places,
    clean: VisionModel,
    *,
    recipe: MarkRecipe,
    setting: MarkSettings,
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
    setting: MarkSettings,
    places: Places,
    source: Source,
    mode: Mode,
    clean: VisionModel,
    seconds: float,
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


def number_of_blocks(source: VisionModel) -> int:
    """Blocks that a message can go into: all but the last."""
    return len(source.blocks) - 1


def mark_block(setting: MarkSettings, out: Path, source: Source, block: int, show: Show) -> Rows:
    """One row of the table: error and detection before and after fine-tuning on digits."""
    places = Places(out, source, "blocks")

    def work() -> Rows:
        clean = VisionModel.load(places.clean, device="cpu")
        pictures = owners_pictures(setting.pictures, seed=setting.seed)
        seen = profile(clean, pictures[:100])
        row = BlockRow(
            source=source,
            block=block,
            magnitude=seen.magnitudes[block],
            jump=seen.jumps[block],
            chosen=block == seen.block,
            error=0.5,
            detection=0.0,
            tuned_error=0.5,
            tuned_detection=0.0,
            cosine=1.0,
        )
        return Rows(blocks=(_measured(setting, source, row, clean, pictures, show),))

    return found_again(places.row("rows", f"{block:02d}"), work)


def _measured(
    setting: MarkSettings,
    source: Source,
    row: BlockRow,
    clean: VisionModel,
    pictures: list[Image.Image],
    show: Show,
) -> BlockRow:
    recipe = setting.block_recipe(source, row.block)

    def report(progress: Progress) -> None:
        show(f"blocks of {source}", row.block + progress.done / progress.steps, row.block + 1, "")

    try:
        made = embed(
            clean,
            pictures,
            recipe=recipe,
            keys=setting.keys(source, "blocks"),
            seed=setting.seed,
            report=report,
        )
    except UsageError:  # not one message without an error: no mark, and the row says so
        return row
    chance, threshold = FairBits(bits=recipe.bits), made.watermark.manifest.threshold
    assert chance.false_positive_rate(threshold) <= recipe.false_positive_rate
    before = _errors(setting, source, made.watermark, made.model, clean, pictures)
    cosine = float(drift(setting, clean, made.model).mean())
    task = task_of(setting, "digits")
    tune_vision(made.model, task.train, setting.tuning("cosine"), classes=task.classes)
    after = _errors(setting, source, made.watermark, made.model, clean, pictures)
    return row.model_copy(
        update={
            "error": float(before.float().mean()) / recipe.bits,
            "detection": float((before <= threshold).float().mean()),
            "tuned_error": float(after.float().mean()) / recipe.bits,
            "tuned_detection": float((after <= threshold).float().mean()),
            "cosine": cosine,
        }
    )


def _errors(
    setting: MarkSettings,
    source: Source,
    watermark: Watermark,
    suspect: VisionModel,
    clean: VisionModel,
    pictures: list[Image.Image],
) -> Int[Tensor, " images"]:
    """D of every hold-out image, those that the watermark left out included."""
    held = divide(
        clean, pictures, holdout=watermark.manifest.recipe.holdout, seed=setting.seed
    ).holdout
    messages: Bool[Tensor, "images bits"] = secret_messages(
        setting.keys(source, "blocks"),
        [pixels_digest(picture) for picture in held],
        bits=watermark.manifest.recipe.bits,
    )
    encoder, decoder = watermark.coders(suspect.device)
    bits = injected_bits(
        suspect,
        held,
        messages,
        encoder=encoder,
        decoder=decoder,
        block=watermark.manifest.block,
        token=watermark.manifest.token,
    )
    return bit_errors(bits, messages)
