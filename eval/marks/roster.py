"""Who is suspected: copies of the marked model, copies without its mark if they can, innocents.

A copy is made from the marked model's folder and is again a folder that transformers loads.
Innocents are the clean source and models from other seeds, other data or of other architectures.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.layerwise import Noise, Prune
from sif.attacks.weights.merge import Interpolate
from sif.attacks.weights.quantize import Quantize
from sif.eval.marks.results import Role
from sif.eval.marks.setting import Source
from sif.mini.catalogue import find
from sif.mini.folders import export
from sif.mini.vision.catalogue import VISION_MODELS
from sif.mini.vision.folders import export_vision

Course = Literal["constant", "linear", "cosine"]


class Tuned(NamedTuple):
    """A copy that a buyer fine-tuned: on which task, with which course and multiple of the rate."""

    task: Literal["digits", "colours", "segments"]
    course: Course
    factor: float = 1.0


TUNED: Final = {
    "digits-constant": Tuned("digits", "constant"),
    "digits-linear": Tuned("digits", "linear"),
    "digits-cosine": Tuned("digits", "cosine"),
    "digits-threefold": Tuned("digits", "cosine", 3.0),
    "colours-cosine": Tuned("colours", "cosine"),
    "segments-cosine": Tuned("segments", "cosine"),
}
WORN: Final[dict[str, Callable[[Path], WeightAttack]]] = {
    "pruned-20": lambda clean: Prune(fraction=0.2),
    "pruned-40": lambda clean: Prune(fraction=0.4),
    "int8": lambda clean: Quantize(kind="int8"),
    "nf4": lambda clean: Quantize(kind="nf4"),
    "noise-5": lambda clean: Noise(sigma=0.05),
    "noise-10": lambda clean: Noise(sigma=0.1),
    "merged-half": lambda clean: Interpolate(other=str(clean), weight=0.5),
}
REMOVALS: Final = ("overwritten", "distilled")
MARKED: Final = "marked"
CLEAN: Final = "clean"
TUNED_INNOCENT: Final = "clean-digits"
TOWERS: Final = (
    "llava-sibling",
    "llava-sibling-b",
    "llava-stranger-a",
    "llava-stranger-b",
    "llava-stranger-c",
)


def copies() -> dict[str, Role]:
    """All copies by name, in the order of the tables, the marked model first."""
    return {
        MARKED: "copy",
        **dict.fromkeys((*TUNED, *WORN), "copy"),
        **dict.fromkeys(REMOVALS, "removal"),
    }


def innocents(source: Source) -> list[str]:
    """The independent models, in the order of the tables; the source's own kin first."""
    vision = [model.name for model in VISION_MODELS if model.role != "source"]
    others = ["dino-source", *vision, *TOWERS]
    if source == "dino":
        return [CLEAN, TUNED_INNOCENT, *vision, "llava-source", *TOWERS]
    return [CLEAN, TUNED_INNOCENT, *TOWERS, *others[: -len(TOWERS)]]


def bundled_name(source: Source) -> str:
    """The bundled model that a source is."""
    return "llava-source" if source == "llava-tower" else "dino-source"


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
