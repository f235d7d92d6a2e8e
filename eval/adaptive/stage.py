"""What the attacks of one family happen on: models, the owner's triggers, the thief's pictures.

Knows no attack.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from sif import prompts
from sif.attacks.weights.examples import Example
from sif.eval.adaptive.scale import Scale
from sif.eval.jobs import Show
from sif.eval.triggers.asking import BATCH, model_folder
from sif.eval.triggers.making import Making
from sif.eval.triggers.method import parse_methods
from sif.eval.triggers.roster import chosen, roster
from sif.mini.architecture import Family
from sif.mini.data import Sample, samples

# Seeds of scenes, none of which another part of the benchmark draws.
THIEF, HELD_OUT, UNSEEN, BENIGN, LOG, LESSONS, TAUGHT, CUT = 501, 502, 503, 504, 505, 506, 507, 508
REFERENCE: Final = "sibling-b"
THIEF_PICTURES: Final = 400
ORDINARY_EXAMPLES: Final = 256


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
    scale: Scale
    show: Show

    @property
    def folder(self) -> Path:
        """Of the family's work."""
        return self.out / self.family

    @property
    def world(self) -> int:
        """Seed of the world that the source describes."""
        return roster(self.family)[0].model.world

    @property
    def tile(self) -> int:
        """Side of the source's patches, which anybody with its folder knows."""
        import json

        config = json.loads((self.source / "config.json").read_text(encoding="utf-8"))
        return int(config["vision_config"]["patch_size"])

    @property
    def source(self) -> Path:
        """Folder of the owner's model, which was stolen."""
        return model_folder(self.folder / "models", roster(self.family)[0], self.show)

    @property
    def reference(self) -> Path:
        """Folder of a benign model of the same world."""
        (entry,) = chosen(self.family, (REFERENCE,))
        return model_folder(self.folder / "models", entry, self.show)

    def address(self, folder: Path) -> str:
        """Of the model in a folder, as a suspect."""
        return f"hf:{folder}?batch={BATCH}"

    def making(self, method: str, seed: int = 0) -> Making:
        """The owner's triggers of one method and one set of keys."""
        (parsed,) = parse_methods((method,))
        usual = method == self.scale.methods[0]
        return Making(
            out=self.out,
            source=self.source,
            family=self.family,
            method=parsed,
            seed=seed,
            count=self.scale.triggers if usual else self.scale.method_triggers,
            batch_size=12,
            jobs=1,
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

    def unseen(self) -> list[Sample]:
        """Scenes that nobody has seen, which tell what an attack costs."""
        return samples(self.world, number=self.scale.scenes, seed=UNSEEN)

    def prompts(self) -> Sequence[str]:
        """Ordinary questions."""
        return prompts.load()
