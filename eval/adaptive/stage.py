"""What is done, and what it is done on: models, the owner's triggers, the thief's pictures.

Knows no attack.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from PIL import Image
from pydantic import Field, model_validator

from sif import prompts
from sif.attacks.answers import parse_answer_attacks
from sif.attacks.images import parse_image_attack
from sif.attacks.weights.examples import Example
from sif.attacks.weights.schedule import Training
from sif.errors import UsageError
from sif.eval.attacks.questions import SceneQuestion, scenes_of
from sif.eval.attacks.thefts import Job
from sif.eval.study import Settings
from sif.eval.triggers.making import Making, green_methods
from sif.eval.triggers.mini_roster import BATCH, FAMILIES, MiniRoster, chosen, mini_roster
from sif.mini.architecture import Family
from sif.mini.data import samples
from sif.scale.crew import Show
from sif.types import GenerationSettings

# Seeds of scenes, none of which another part of the benchmark draws.
THIEF, HELD_OUT, BENIGN, LOG, LESSONS, TAUGHT, CUT = 501, 502, 504, 505, 506, 507, 508
Section = Literal["purifiers", "filter", "tuning", "averaging", "unlearning", "owner"]
SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
Part = Literal["detection", "purifiers", "averaging", "filter", "tuning", "unlearning", "owner"]
DETECTION: Final = "detection"
REFERENCE: Final = "sibling-b"
THIEF_PICTURES: Final = 400
ORDINARY_EXAMPLES: Final = 256


class AdaptiveSettings(Settings):
    """What `sif bench adaptive` can be told."""

    families: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    """Of the mini models."""
    sections: tuple[Part, ...] = Field(default=get_args(Part), min_length=1)
    """Parts of the study; several commands may fill one folder, the last with all only reads it."""
    triggers: int = Field(default=24, ge=2)
    """Of each of the owner's two sets of the first method."""
    methods: tuple[str, ...] = (
        *("sif", "sif@epsilon=8", "sif@epsilon=4", "sif-recoded", "sif-release@steps=150"),
    )
    """Whose triggers a detector is to find, the owner's own first."""
    method_triggers: int = Field(default=12, ge=2)
    """Of each other method."""
    scenes: int = Field(default=48, ge=1)
    """Unseen ones that tell what an attack costs the thief."""
    benign: int = Field(default=1000, ge=1)
    """Pictures of each kind that a detector is to let pass."""
    detectors: tuple[Literal["off-content", "residual", "classifier"], ...] = (
        *("off-content", "residual", "classifier"),
    )
    """Whose curves are drawn; the classifier has to be taught."""
    own_triggers: int = Field(default=24, ge=2)
    """That the thief makes with his own keys to teach a detector."""
    classifier_steps: int = Field(default=400, ge=1)
    """Of the taught detector."""
    purifiers: tuple[str, ...] = (
        *("purify:16", "purify-learned:4", "purify-learned:8", "purify-learned:16"),
        "purify-learned:16@gaussian",
    )
    """Attacks on images."""
    logged: int = Field(default=480, ge=1)
    """Benign pictures in the traffic log."""
    tuning_steps: int = Field(default=60, ge=1)
    """Updates of each tuning."""
    adversarial_triggers: int = Field(default=16, ge=1)
    """That he makes in each round of adversarial training."""
    adversarial_steps: int = Field(default=40, ge=1)
    """Of optimising them."""
    adversarial: tuple[Annotated[str, Field(pattern=r"^[1-9]\d*:(language|all)$")], ...] = (
        *("1:language", "3:all"),
    )
    """Rounds and tuned weights (language or all), one copy for each."""
    averages: tuple[str, ...] = ("temperature:0.7", "average:5", "smooth:8")
    """Attacks on answers."""
    disclosed: tuple[int, ...] = (1, 4, 12)
    """How many triggers are revealed."""
    ways: tuple[Literal["answers", "red"], ...] = ("answers", "red")
    """Of unlearning."""

    @model_validator(mode="after")
    def _can_be_done(self) -> "AdaptiveSettings":
        green_methods(self.methods)
        for text in self.purifiers:
            parse_image_attack(text)
        for text in self.averages:
            parse_answer_attacks(text)
        if max(self.disclosed, default=0) >= self.triggers:
            raise UsageError(
                f"expected fewer disclosed triggers than the {self.triggers} of a set, got "
                f"{max(self.disclosed)}"
            )
        return self

    @property
    def training(self) -> Training:
        """Of every tuning: the language model's own weights."""
        return Training(steps=self.tuning_steps, batch_size=16, learning_rate=3e-4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One family's.

    Attributes:
        out: the benchmark's folder.
        family: of the mini models.
        scale: how much is done.
        show: is told of progress.
    """

    out: Path
    family: Family
    scale: AdaptiveSettings
    show: Show

    @property
    def roster(self) -> MiniRoster:
        """Of the family."""
        return mini_roster(self.family)

    @property
    def folder(self) -> Path:
        """Of the family's work."""
        return self.roster.folder(self.out)

    @property
    def world(self) -> int:
        """Seed of the world that the source describes."""
        return self.roster.world

    @property
    def tile(self) -> int:
        """Side of the source's patches, which anybody with its folder knows."""
        config = json.loads((self.source / "config.json").read_text(encoding="utf-8"))
        return int(config["vision_config"]["patch_size"])

    @property
    def source(self) -> Path:
        """Folder of the owner's model, which was stolen."""
        return Path(self.roster.source(self.out, self.show))

    @property
    def reference(self) -> Path:
        """Folder of a benign model of the same world."""
        (entry,) = chosen(self.family, (REFERENCE,))
        return self.roster.model(entry, self.out, self.show)

    def address(self, folder: Path) -> str:
        """Of the model in a folder, as a suspect."""
        return f"hf:{folder}?batch={BATCH}"

    def making(self, method: str, seed: int = 0) -> Making:
        """The owner's triggers of one method and one set of keys."""
        (parsed,) = green_methods((method,))
        usual = method == self.scale.methods[0]
        return Making(
            out=self.out,
            roster=self.roster,
            method=parsed,
            seed=seed,
            count=self.scale.triggers if usual else self.scale.method_triggers,
            batch_size=self.roster.usual.batch_size,
        )

    def usual_makings(self) -> list[Making]:
        """The owner's two sets of the first method."""
        return [self.making(self.scale.methods[0], seed) for seed in (0, 1)]

    def makings(self) -> list[Making]:
        """All of the owner's triggers: one set of each other method, too."""
        return [*self.usual_makings(), *map(self.making, self.scale.methods[1:])]

    def thief_pictures(self) -> list[Image.Image]:
        """Ordinary pictures of the thief's own."""
        return [s.image for s in samples(self.world, number=THIEF_PICTURES, seed=THIEF)]

    def ordinary(self) -> list[Example]:
        """Ordinary examples of the thief's own, as many captions as he likes."""
        drawn = samples(self.world, number=ORDINARY_EXAMPLES, seed=LESSONS)
        return [Example(image=s.image, prompt=s.prompt, answer=s.answer) for s in drawn]

    def unseen(self) -> tuple[SceneQuestion, ...]:
        """Scenes that nobody has seen, which tell what an attack costs."""
        usual = GenerationSettings()
        return scenes_of(
            Job(self.world), number=self.scale.scenes, asked="unseen", generation=usual
        )

    def prompts(self) -> Sequence[str]:
        """Ordinary questions."""
        return prompts.load()
