"""Who takes part in `sif bench real`: the real-words source, its copies, a sibling and a stranger.

Models are put together and stolen once, into the study's folder, and found again. Knows nothing of
triggers.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock

from sif import prompts
from sif.attacks.weights.attack import Progress, WeightAttack
from sif.attacks.weights.examples import Example
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Prune
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.schedule import LowRank, Training
from sif.attacks.weights.theft import steal
from sif.eval.triggers.roster import Role, Roster, Split, Usual, named
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import export
from sif.mini.real.catalogue import find_real
from sif.mini.real.data import real_samples
from sif.mini.real.folders import export_real
from sif.mini.world import Scene
from sif.pictures.folder import NamedImage
from sif.scale.crew import Show
from sif.suspects.connect import connect
from sif.suspects.late import LateSuspect
from sif.types import Suspect
from sif.watermark.keys import KeyRing

BATCH: Final = 16
DTYPE: Final = "bfloat16"
"""In which the folders are; processors of today compute four times as fast in it."""
PICTURES: Final = 200
"""From which recipes learn what pictures hold."""
BASES: Final = 1
"""Seed of the base images of the first set."""
LESSONS: Final = 2
"""Seed of what copies are tuned on."""
EXAMPLES: Final = 64
STEPS: Final = 16
SOURCE: Final = "real-source"
SIBLING: Final = "real-sibling"
STRANGER: Final = "llava-source"
USUAL: Final = Usual(
    methods=("sif", "sif-recoded", "sif-release"),
    triggers=8,
    seeds=1,
    image_attacks=("none", "jpeg:75", "resize:0.5"),
    batch_size=2,
)
Lessons = Literal["same", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealEntry:
    """One suspect.

    Attributes:
        name: in tables and of its folder.
        role: what it is to the source.
        suspect: the bundled model that it is or was stolen from.
        theft: makes the attack that turns the source into it; none for a model as it is.
        note: how it was made, for people.
        split: nobody here was looked at while recipes were chosen.
        set_aside: nobody is.
    """

    name: str
    role: Role
    suspect: str = SOURCE
    theft: Callable[[], WeightAttack] | None = None
    note: str = ""
    split: Split = "held out"
    set_aside: str | None = None


def entries() -> tuple[RealEntry, ...]:
    """Everybody, the source first."""
    return (
        RealEntry(name="source", role="source"),
        RealEntry(name="nf4", role="copy", theft=lambda: Quantize(kind="nf4")),
        RealEntry(name="pruned-20", role="copy", theft=lambda: Prune(fraction=0.2)),
        RealEntry(
            name="lora-same",
            role="copy",
            theft=lambda: tuning("same"),
            note=f"LoRA, {STEPS} updates on descriptions of more scenes",
        ),
        RealEntry(
            name="lora-other",
            role="copy",
            theft=lambda: tuning("other"),
            note=f"LoRA, {STEPS} updates on scenes and words of a mini world",
        ),
        RealEntry(
            name="sibling",
            role="innocent",
            suspect=SIBLING,
            note="the same language model and scenes; all that was trained from another seed",
        ),
        RealEntry(
            name="stranger",
            role="innocent",
            suspect=STRANGER,
            note="a mini model: other pictures, words and vocabulary",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class RealWordsRoster(Roster):
    """The roster of the real-words source, whose scenes' truth is known."""

    suspects: tuple[RealEntry, ...]

    def __reduce__(self) -> tuple[Callable[[], "RealWordsRoster"], tuple[()]]:
        """By its name, as thefts are no data."""
        return real_words_roster, ()

    def source(self, out: Path, show: Show) -> str:
        """Folder of the source, put together where it is missing."""
        return str(self.model(self.suspects[0], out, show))

    def pictures(self, count: int, seed: int) -> tuple[NamedImage, ...]:
        """Scenes that no training saw."""
        drawn = real_samples(PICTURES + count, seed=[BASES, seed], unseen=True)
        return tuple(
            NamedImage(name=f"scene {index}", image=one.image) for index, one in enumerate(drawn)
        )

    def scenes(self, count: int, seed: int) -> dict[str, Scene]:
        """None of a mini world."""
        return {}

    def keys(self, out: Path, seed: int) -> KeyRing:
        """Always the same, so that benchmarks can be compared; no secret depends on them."""
        return KeyRing(hashlib.sha256(f"benchmark {seed}".encode()).digest())

    def late(self, name: str, out: Path, show: Show) -> LateSuspect:
        """A suspect under its name in the roster, stolen and loaded when it is first asked."""
        (entry,) = named(self.suspects, (name,))
        return LateSuspect(partial(self._open, entry, out, show), name)

    def prepare(self, names: Sequence[str], out: Path, show: Show) -> None:
        """Puts the source together, which copies begin with."""
        self.source(out, show)

    def model(self, entry: RealEntry, out: Path, show: Show) -> Path:
        """The folder of a suspect, made where it is missing."""
        models = self.folder(out) / "models"
        models.mkdir(parents=True, exist_ok=True)
        plain = _export(entry.suspect, models)
        if entry.theft is None:
            return plain
        folder = models / entry.name

        def report(progress: Progress) -> None:
            show(f"real: stealing {entry.name}", progress.step, progress.steps, progress.stage)

        with FileLock(models / f".{entry.name}.lock"):
            if not folder.exists():
                steal(plain, folder, [entry.theft()], report=report)
        return folder

    def _open(self, entry: RealEntry, out: Path, show: Show) -> Suspect:
        return connect(f"hf:{self.model(entry, out, show)}?batch={BATCH}&dtype={DTYPE}")


@cache
def real_words_roster() -> RealWordsRoster:
    """The only one."""
    return RealWordsRoster(
        name="real",
        suspects=entries(),
        usual=USUAL,
        prompts=tuple(prompts.load()),
        chunk=BATCH,
        dtype=DTYPE,
    )


def tuning(lessons: Lessons) -> Finetune:
    """A thief's LoRA on more scenes of the source's kind, or on a mini world's."""
    if lessons == "same":
        drawn = real_samples(EXAMPLES, seed=[LESSONS, 0])
        told = [Example(image=one.image, prompt=one.prompt, answer=one.answer) for one in drawn]
    else:
        others = samples(find(STRANGER).world, number=EXAMPLES, seed=LESSONS)
        told = [Example(image=one.image, prompt=one.prompt, answer=one.answer) for one in others]
    training = Training(lora=LowRank(), steps=STEPS, batch_size=4, learning_rate=2e-4)
    return Finetune(training=training, examples=told)


def _export(name: str, models: Path) -> Path:
    folder = models / name
    with FileLock(models / f".{name}.lock"):
        if not folder.exists():
            real = find_real(name)
            if real is None:
                export(find(name), folder)
            else:
                export_real(real, folder)
    return folder
