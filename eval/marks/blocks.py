"""Marks every block of a source by the paper's recipe: which one holds best (the paper's Table 1).

Unlike a watermark, which keeps only hold-out images without an error, the errors here are over all.
"""

from pathlib import Path

from jaxtyping import Bool, Int
from PIL import Image
from torch import Tensor

from sif.attacks.weights.vision_tuning import tune_vision
from sif.errors import UsageError
from sif.eval.jobs import Show
from sif.eval.marks.marking import recipe_of
from sif.eval.marks.pictures import owners_pictures
from sif.eval.marks.results import BlockRow, Rows, found_again
from sif.eval.marks.setting import Places, Setting, Source
from sif.eval.marks.stealing import tuning
from sif.eval.marks.utility import drift, task_of
from sif.marks.bits import FairBits
from sif.marks.embed import embed
from sif.marks.pictures import divide, pixels_digest
from sif.marks.profiling import profile
from sif.marks.train import Progress
from sif.marks.verify import injected_bits
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark
from sif.watermark.activemark.losses import bit_errors
from sif.watermark.activemark.messages import secret_messages


def number_of_blocks(source: VisionModel) -> int:
    """Blocks that a message can go into: all but the last."""
    return len(source.blocks) - 1


def mark_block(setting: Setting, out: Path, source: Source, block: int, show: Show) -> Rows:
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
    setting: Setting,
    source: Source,
    row: BlockRow,
    clean: VisionModel,
    pictures: list[Image.Image],
    show: Show,
) -> BlockRow:
    recipe = recipe_of(setting, "paper", setting.block_steps_of(source))
    recipe = recipe.model_copy(update={"block": row.block})

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
    tune_vision(made.model, task.train, tuning(setting, "cosine"), classes=task.classes)
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
    setting: Setting,
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
