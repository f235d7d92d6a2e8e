"""What the study of ActiveMark does: sources, modes, sizes, suspects, and where everything lies.

Copies are made from the marked model's folder and are again folders that transformers loads.
Innocents are the clean source and models from other seeds, other data or of other architectures.
Knows nothing of how models are marked, stolen or read.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pydantic import Field, model_validator

from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.layerwise import Noise, Prune
from sif.attacks.weights.merge import Interpolate
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.schedule import Training
from sif.errors import UsageError
from sif.eval.marks.results import Role
from sif.eval.study import Settings
from sif.marks.recipe import MarkRecipe, load_recipe
from sif.mini.vision.catalogue import VISION_MODELS
from sif.watermark.keys import KeyRing

Source = Literal["llava-tower", "dino"]
Mode = Literal["paper", "injected", "keyed"]
SOURCES: Final[tuple[Source, ...]] = ("llava-tower", "dino")
MODES: Final[tuple[Mode, ...]] = ("paper", "injected", "keyed")
WORDS: Final[dict[str, str]] = {
    "paper": "injected, as in the paper",
    "injected": "injected, robust recipe",
    "keyed": "keyed read-out",
}
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


class MarkSettings(Settings):
    """What `sif bench activemark` can be told."""

    sources: tuple[Source, ...] = Field(default=SOURCES, min_length=1)
    """Models that are marked."""
    modes: tuple[Mode, ...] = Field(default=MODES, min_length=1)
    """Recipes of `sif activemark embed` that mark them; baselines ask the suspects of the last."""
    suspects: tuple[str, ...] | None = None
    """Names of those that are made and read; none for everybody. The marked model always is."""
    seed: int = Field(default=0, ge=0)
    """Of everything random; keys follow from it too, as nobody's secret is at stake here."""
    pictures: int = Field(default=240, ge=40)
    """Of the owner: half photographs, half scenes."""
    holdout: int | None = Field(default=None, ge=4)
    """Hold-out images of every mark; none for the recipes' own number."""
    steps: int | None = Field(default=None, ge=1)
    """Of a mark in the LLaVA's tower; none for the recipes' own."""
    dino_steps: int | None = Field(default=None, ge=1)
    """The same in the Dinov2, where each step costs twice as much."""
    block_steps: int = Field(default=400, ge=1)
    """Of each mark of the table of blocks, in the LLaVA's tower."""
    dino_block_steps: int = Field(default=150, ge=1)
    """Of each in the Dinov2."""
    unseen: int = Field(default=160, ge=10)
    """Pictures on which the drift of the features is measured."""
    tuning_steps: int = Field(default=120, ge=1)
    """Updates of every fine-tuning."""
    tuning_rate: float = Field(default=1e-4, gt=0)
    """Peak rate of its AdamW, a fifteenth of what the mini models were trained with; the new head
    learns ten times as fast."""
    distillation_steps: int = Field(default=250, ge=1)
    """Updates of the student."""
    train: int = Field(default=1280, ge=32, le=1297)
    """Examples of every downstream task."""
    test: int = Field(default=300, ge=20)
    """Scenes to test on; of the digits always 500."""
    starts: int = Field(default=100, ge=4)
    """Pictures that the baselines start from."""
    iterations: int = Field(default=250, ge=1)
    """Of IPGuard."""

    @model_validator(mode="after")
    def _everybody_is_known(self) -> "MarkSettings":
        for source in self.sources:
            self.everybody(source)
        return self

    def everybody(self, source: Source) -> dict[str, Role]:
        """The suspects of a source by name, copies first.

        Raises:
            UsageError: the settings name somebody else.
        """
        known: dict[str, Role] = {**copies(), **dict.fromkeys(innocents(source), "innocent")}
        chosen = set(known) if self.suspects is None else {MARKED, *self.suspects}
        if not chosen <= set(known):
            raise UsageError(
                f"expected suspects of {source} among {', '.join(known)}, got "
                f"{', '.join(sorted(chosen - set(known)))}"
            )
        return {name: role for name, role in known.items() if name in chosen}

    def recipe(self, source: Source, mode: Mode) -> MarkRecipe:
        """The recipe of a mode at the study's size, with its own steps where none are given."""
        steps = self.dino_steps if source == "dino" else self.steps
        return load_recipe(mode, holdout=self.holdout, steps=steps)

    def block_recipe(self, source: Source, block: int) -> MarkRecipe:
        """The paper's recipe for one mark of the table of blocks."""
        steps = self.dino_block_steps if source == "dino" else self.block_steps
        recipe = load_recipe("paper", holdout=self.holdout, steps=steps)
        return recipe.model_copy(update={"block": block})

    def tuning(self, course: Course, factor: float = 1.0) -> Training:
        """Of every fine-tuning here: AdamW, batches of 32, all layers."""
        return Training(
            scope="all",
            steps=self.tuning_steps,
            learning_rate=factor * self.tuning_rate,
            pace=course,
            batch_size=32,
            seed=self.seed,
        )

    def keys(self, source: str, mode: str, owner: str = "owner") -> KeyRing:
        """The key ring of an owner, or of a thief who overwrites a mark."""
        words = f"sif bench activemark {self.seed} {source} {mode} {owner}"
        return KeyRing(hashlib.sha256(words.encode()).digest())


class Places:
    """Where everything lies in the study's folder.

    Args:
        out: the folder.
        source: the marked model's name.
        mode: the recipe that marks it.
    """

    def __init__(self, out: Path, source: str, mode: str) -> None:
        self.source = out / source
        self.root = self.source / mode

    @property
    def clean(self) -> Path:
        """The source before it was marked."""
        return self.source / "models" / "clean"

    def innocent(self, name: str) -> Path:
        """An independent model, the same for all modes."""
        return self.source / "models" / name

    @property
    def marked(self) -> Path:
        """The marked model."""
        return self.root / "marked"

    @property
    def watermark(self) -> Path:
        """The owner's watermark folder."""
        return self.root / "watermark"

    def copy(self, name: str) -> Path:
        """The folder of a suspect made from the marked model."""
        return self.root / "copies" / name

    def row(self, kind: str, name: str) -> Path:
        """A finished part's rows."""
        return self.root / kind / f"{name}.json"
