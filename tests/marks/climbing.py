"""Up the ladder: each tiny model is profiled, marked, saved, verified and loaded elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from transformers import AutoModel, AutoModelForImageTextToText

from sif.errors import SifError
from sif.marks.embed_into import embed_model
from sif.marks.profiling import profile
from sif.marks.verify import verify_suspects
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark
from sif.vlm.foreign import READING
from sif.vlm.plain_words import first_line
from tests.marks.ladder import Rung, write
from tests.marks.small import KEYS, pictures, recipe

WORKS, REFUSED, NOT_TRIED, CRASHED = "works", "refused", "not tried", "crashed"
STEPS = 10


class Climbed(NamedTuple):
    """What became of one rung: its state, and in words how it is seen, or why it is not."""

    rung: Rung
    state: str
    words: str


def climb(rung: Rung, folder: Path) -> Climbed:
    """All that ActiveMark does with a model, from a folder to the verdict on the saved copy."""
    try:
        write(rung, folder / "model")
    except READING as error:
        return Climbed(rung, NOT_TRIED, first_line(error))
    try:
        return Climbed(rung, WORKS, _marked(rung, folder))
    except SifError as error:
        return Climbed(rung, REFUSED, str(error).replace(str(folder / "model"), "MODEL"))
    except READING as error:
        return Climbed(rung, CRASHED, f"{type(error).__name__}: {first_line(error)}")


def _marked(rung: Rung, folder: Path) -> str:
    vision = VisionModel.load(folder / "model", device="cpu")
    expressive = profile(vision, pictures(4)).block
    embed_model(
        folder / "mark",
        folder / "marked",
        folder / "model",
        pictures(),
        recipe=recipe(steps=STEPS, pool=16),
        keys=KEYS,
        device="cpu",
    )
    watermark = Watermark.load(folder / "mark")
    copy, clean = verify_suspects(
        watermark, [str(folder / "marked"), str(folder / "model")], device="cpu"
    )
    if copy.suspect_sha256 != watermark.manifest.marked_sha256:
        raise AssertionError("the saved copy has other weights than the marked model")
    (AutoModelForImageTextToText if rung.lvlm else AutoModel).from_pretrained(folder / "marked")
    tower = vision.tower
    return (
        f"{type(vision.module).__name__} | {len(tower.blocks)} × {_span(tower.widths)} | "
        f"{tower.readout.kind} | {expressive} | {copy.detected} of {len(copy.errors)} "
        f"| {clean.detected} of {len(clean.errors)}"
    )


def _span(widths: Sequence[int]) -> str:
    low, high = min(widths), max(widths)
    return str(low) if low == high else f"{low} to {high}"
