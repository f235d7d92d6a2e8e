"""What a benchmark of ActiveMark does: sources, modes, sizes, and where everything lies.

Knows nothing of how models are marked or stolen.
"""

import hashlib
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from sif.watermark.keys import KeyRing

Source = Literal["llava-tower", "dino"]
Mode = Literal["paper", "injected", "keyed"]
SOURCES: Final[tuple[Source, ...]] = ("llava-tower", "dino")
MODES: Final[tuple[Mode, ...]] = ("paper", "injected", "keyed")
WORDS: Final[dict[Mode, str]] = {
    "paper": "injected, as in the paper",
    "injected": "injected, robust recipe",
    "keyed": "keyed read-out",
}


class Setting(BaseModel):
    """Everything that decides what a benchmark finds; setting.json of its folder.

    Attributes:
        sources: models that are marked.
        modes: recipes that mark them.
        seed: of everything random; keys follow from it too, as nobody's secret is at stake here.
        pictures: of the owner: half photographs, half scenes.
        holdout: hold-out images of every mark; none for the recipes' own number.
        steps: of a mark in the LLaVA's tower; none for the recipes' own.
        dino_steps: the same in the Dinov2, where each step costs twice as much.
        block_steps: of each mark of the table of blocks, in the LLaVA's tower.
        dino_block_steps: of each in the Dinov2.
        unseen: pictures on which the drift of the features is measured.
        tuning_steps: updates of every fine-tuning.
        tuning_rate: peak rate of its AdamW, a fifteenth of what the mini models were trained with;
            the new head learns ten times as fast.
        distillation_steps: updates of the student.
        train: examples of every downstream task.
        test: scenes to test on; of the digits always 500.
        suspects: names of those that are made and read; none for everybody. The marked model
            always is.
        starts: pictures that the baselines start from.
        iterations: of IPGuard.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    sources: tuple[Source, ...] = SOURCES
    modes: tuple[Mode, ...] = MODES
    seed: int = 0
    pictures: int = Field(default=240, ge=40)
    holdout: int | None = Field(default=None, ge=4)
    steps: int | None = Field(default=None, ge=1)
    dino_steps: int | None = Field(default=None, ge=1)
    block_steps: int = Field(default=400, ge=1)
    dino_block_steps: int = Field(default=150, ge=1)
    unseen: int = Field(default=160, ge=10)
    tuning_steps: int = Field(default=120, ge=1)
    tuning_rate: float = Field(default=1e-4, gt=0)
    distillation_steps: int = Field(default=250, ge=1)
    train: int = Field(default=1280, ge=32, le=1297)
    test: int = Field(default=300, ge=20)
    suspects: tuple[str, ...] | None = None
    starts: int = Field(default=100, ge=4)
    iterations: int = Field(default=250, ge=1)

    def steps_of(self, source: Source) -> int | None:
        """Steps of a mark in this source; none for the recipe's own."""
        return self.dino_steps if source == "dino" else self.steps

    def block_steps_of(self, source: Source) -> int:
        """Steps of each mark of the table of blocks."""
        return self.dino_block_steps if source == "dino" else self.block_steps

    def keys(self, source: str, mode: str, owner: str = "owner") -> KeyRing:
        """The key ring of an owner, or of a thief who overwrites a mark."""
        words = f"sif bench activemark {self.seed} {source} {mode} {owner}"
        return KeyRing(hashlib.sha256(words.encode()).digest())


QUICK: Final = Setting(
    pictures=80,
    holdout=16,
    steps=200,
    dino_steps=100,
    block_steps=150,
    dino_block_steps=50,
    unseen=40,
    tuning_steps=20,
    distillation_steps=25,
    train=256,
    test=60,
    starts=16,
    iterations=40,
)


class Places:
    """Where everything lies in a benchmark's folder.

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
