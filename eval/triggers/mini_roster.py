"""The rosters of the mini models: of each family the source, its stolen copies, and innocents.

What is held out was asked only after the present default recipe had been chosen. Models are
exported and stolen once, into a folder, and found again. Knows nothing of triggers.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal, get_args

from filelock import FileLock

from sif import prompts
from sif.attacks.weights.attack import Progress, WeightAttack
from sif.attacks.weights.examples import Example
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Noise, Prune, Round
from sif.attacks.weights.merge import Interpolate
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.schedule import LowRank, Training
from sif.attacks.weights.theft import steal
from sif.errors import StorageError
from sif.eval.triggers.baseline import PAIRS
from sif.eval.triggers.roster import Role, Roster, Split, Usual, named
from sif.mini.architecture import Family
from sif.mini.catalogue import MODELS, Model
from sif.mini.data import Kind, Sample, samples
from sif.mini.folders import export
from sif.mini.world import Scene
from sif.pictures.folder import NamedImage
from sif.scale.crew import Show
from sif.suspects.connect import connect
from sif.suspects.late import LateSuspect
from sif.types import Suspect
from sif.watermark.keys import KeyRing

Theft = Callable[[Path], list[WeightAttack]]
Scope = Literal["language", "all"]

FAMILIES: Final[tuple[Family, ...]] = get_args(Family)
# Seconds for 144 answers of a mini model on one core, in batches of 8, 24, 72 and 144: 9.5, 5.0,
# 3.8, 3.2.
BATCH: Final = 144
SCENES: Final = 1
"""Seed of the base images of the first set."""
PICTURES: Final = 400
"""From which recipes learn what pictures hold."""
USUAL: Final = Usual(
    methods=("sif", "sif-release"),
    triggers=24,
    seeds=3,
    image_attacks=(
        *("none", "jpeg:90", "jpeg:75", "jpeg:50", "resize:0.5", "resize:0.75", "noise:4"),
        *("blur:0.7", "crop:0.05"),
    ),
    batch_size=12,
)
HELD_OUT: Final = ("sibling-c", "stranger-b", "stranger-c")
OTHER_WORLD: Final = 77
EXAMPLES: Final = 256
STEPS: Final = 60
DATA_SEED: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One suspect.

    Attributes:
        name: in tables and of its folder.
        role: what it is to the source.
        split: whether recipes may be chosen by what it answers.
        model: the bundled model that it is or was stolen from.
        theft: makes the attacks that turn the source into it, given the folder in which those that
            it needs lie under their names; none for a model as it is.
        needs: models that its theft takes in, to be there first.
        begun: the copy that its theft begins with, instead of the bundled model.
        note: how it was made, for people.
        set_aside: why it is not asked.
    """

    name: str
    role: Role
    split: Split
    model: Model
    theft: Theft | None = None
    needs: tuple["Entry", ...] = ()
    begun: "Entry | None" = None
    note: str = ""
    set_aside: str | None = None

    @property
    def suspect(self) -> str:
        """The bundled model that it is or was stolen from."""
        return self.model.name


def roster(family: Family) -> tuple[Entry, ...]:
    """Everybody that a family's benchmark asks, the source first."""
    source = next(m for m in MODELS if m.family == family and m.role == "source")

    def copy(name: str, split: Split, theft: Theft, *needs: Entry) -> Entry:
        return Entry(name=name, role="copy", split=split, model=source, theft=theft, needs=needs)

    def tuned(
        name: str,
        split: Split,
        *,
        lora: bool,
        kind: Kind = "captions",
        world: int | None = None,
        data_seed: int = DATA_SEED,
    ) -> Entry:
        at = source.world if world is None else world
        return copy(name, split, lambda _: [tuning(at, kind, lora=lora, seed=data_seed)])

    other_world = tuned("full-other-world", "held out", lora=False, world=OTHER_WORLD)
    innocents = [
        Entry(
            name=model.name.removeprefix(source.name.removesuffix("source")),
            role="innocent",
            split="held out" if model.name.endswith(HELD_OUT) else "tuning",
            model=model,
        )
        for model in MODELS
        if model.family == family and model.role != "source"
    ]
    return (
        Entry(name="source", role="source", split="tuning", model=source),
        copy("int8", "held out", lambda _: [Quantize(kind="int8")]),
        copy("nf4", "tuning", lambda _: [Quantize(kind="nf4")]),
        copy("3-bit", "held out", lambda _: [Round(bits=3)]),
        copy("pruned-20", "held out", lambda _: [Prune(fraction=0.2)]),
        copy("pruned-40", "tuning", lambda _: [Prune(fraction=0.4)]),
        copy("noise", "held out", lambda _: [Noise(sigma=0.1)]),
        tuned("lora-same", "held out", lora=True),
        tuned("full-same", "tuning", lora=False),
        tuned("full-same-b", "held out", lora=False, data_seed=DATA_SEED + 1),
        tuned("lora-other-world", "held out", lora=True, world=OTHER_WORLD),
        other_world,
        tuned("lora-terse", "held out", lora=True, kind="terse"),
        tuned("full-terse", "held out", lora=False, kind="terse"),
        tuned("lora-questions", "tuning", lora=True, kind="questions"),
        tuned("full-questions", "tuning", lora=False, kind="questions"),
        copy("merge", "held out", lambda models: [_half_of(models, other_world)], other_world),
        *innocents,
    )


def chosen(family: Family, names: Sequence[str] | None) -> tuple[Entry, ...]:
    """Those of the roster that are named, all where None.

    Raises:
        UsageError: a name that the roster does not have.
    """
    return named(roster(family), names)


@dataclass(frozen=True, kw_only=True)
class MiniRoster(Roster):
    """The roster of one family, whose worlds are painted and whose truth is known."""

    family: Family
    suspects: tuple[Entry, ...]
    mark: str | None = None

    def __reduce__(self) -> tuple[Callable[..., "MiniRoster"], tuple[str, ...]]:
        """By its family and its mark, as thefts are no data."""
        return mini_roster, (self.family,) if self.mark is None else (self.family, self.mark)

    def folder(self, out: Path) -> Path:
        """Of everything that is made and answered; a marked roster has one of its own."""
        plain = super().folder(out)
        return plain if self.mark is None else plain / "marked" / self.mark

    def marked(self, name: str) -> "MiniRoster":
        """The same with a marked source, from which all copies are made."""
        return mini_roster(self.family, name)

    def source(self, out: Path, show: Show) -> str:
        """Folder of the source, exported where it is missing; a marked one is put there."""
        if self.mark is None:
            return str(self.model(self.suspects[0], out, show))
        return str(self.folder(out) / "models" / self.suspects[0].model.name)

    def weights(self, name: str, out: Path, show: Show) -> str:
        """Folder of a suspect, made where it is missing."""
        (entry,) = chosen(self.family, (name,))
        return str(self.model(entry, out, show))

    def pictures(self, count: int, seed: int) -> tuple[NamedImage, ...]:
        """Scenes of the source's world."""
        drawn = self._samples(count, seed).items()
        return tuple(NamedImage(name=name, image=sample.image) for name, sample in drawn)

    def scenes(self, count: int, seed: int) -> dict[str, Scene]:
        """What those pictures show."""
        return {name: sample.scene for name, sample in self._samples(count, seed).items()}

    def keys(self, out: Path, seed: int) -> KeyRing:
        """Always the same, so that benchmarks can be compared; no secret depends on them."""
        return KeyRing(hashlib.sha256(f"benchmark {seed}".encode()).digest())

    def late(self, name: str, out: Path, show: Show) -> LateSuspect:
        """A suspect under its name in the roster, stolen and loaded when it is first asked."""
        (entry,) = chosen(self.family, (name,))
        return LateSuspect(partial(self.open, entry, out, show), name)

    def open(self, entry: Entry, out: Path, show: Show) -> Suspect:
        """An entry, which need not be in the roster, stolen where it is missing and loaded."""
        return connect(f"hf:{self.model(entry, out, show)}?batch={BATCH}")

    def model(self, entry: Entry, out: Path, show: Show) -> Path:
        """The folder of a model, made where it is missing.

        Raises:
            StorageError: the marked source, which no export can stand in for, is not there.
        """
        if self.mark is not None and not Path(self.source(out, show)).exists():
            raise StorageError(
                f"expected the marked source in {self.source(out, show)}, got none; run the same "
                "command again"
            )
        return model_folder(self.folder(out) / "models", entry, show)

    def prepare(self, names: Sequence[str], out: Path, show: Show) -> None:
        """Exports the bundled models that the source and those suspects begin with."""
        self.source(out, show)
        models = self.folder(out) / "models"
        for entry in chosen(self.family, names):
            _export(entry.model, models)

    @property
    def world(self) -> int:
        """Seed of the world that the source describes."""
        return self.suspects[0].model.world

    def _samples(self, count: int, seed: int) -> dict[str, Sample]:
        drawn = samples(self.world, number=PICTURES + count, seed=SCENES + seed)
        return {f"scene {index}": sample for index, sample in enumerate(drawn)}


@cache
def mini_roster(family: Family, mark: str | None = None) -> MiniRoster:
    """The roster of a family; answers of tiny models are cheapest in large batches.

    Args:
        family: of the models.
        mark: name under which a method put a source of its own; none for the bundled one.
    """
    return MiniRoster(
        name=family,
        family=family,
        suspects=roster(family),
        usual=USUAL,
        prompts=tuple(prompts.load()),
        pairs=PAIRS,
        chunk=BATCH,
        mark=mark,
    )


def model_folder(models: Path, entry: Entry, show: Show) -> Path:
    """The folder of a suspect, made where it is missing."""
    plain, folder = _export(entry.model, models), models / entry.name
    if entry.theft is None:
        return plain

    def report(progress: Progress) -> None:
        stage = f"{entry.model.family}: stealing {entry.name}"
        show(stage, progress.step, progress.steps, progress.stage)

    for needed in entry.needs:
        model_folder(models, needed, show)
    with FileLock(models / f".{entry.name}.lock"):
        if not folder.exists():
            begun = plain if entry.begun is None else model_folder(models, entry.begun, show)
            steal(begun, folder, entry.theft(models), report=report)
    return folder


def _export(model: Model, models: Path) -> Path:
    folder = models / model.name
    models.mkdir(parents=True, exist_ok=True)
    with FileLock(models / f".{model.name}.lock"):  # two jobs may need one model
        if not folder.exists():
            export(model, folder)
    return folder


def _half_of(models: Path, other: Entry) -> Interpolate:
    return Interpolate(other=str(models / other.name), weight=0.5)


def tuning(
    world: int,
    kind: Kind = "captions",
    *,
    lora: bool,
    seed: int = DATA_SEED,
    steps: int = STEPS,
    examples: int = EXAMPLES,
    scope: Scope = "language",
) -> Finetune:
    """A thief's fine-tuning on examples of a mini world.

    Args:
        world: its seed.
        kind: of the examples.
        lora: whether an adapter is trained, or the weights themselves.
        seed: of the examples.
        steps: updates, of 16 examples each.
        examples: how many there are to learn from.
        scope: the language model, or all of it.
    """
    drawn = samples(world, number=examples, seed=seed, kind=kind)
    return Finetune(
        training=Training(
            lora=LowRank() if lora else None,
            scope=scope,
            steps=steps,
            batch_size=16,
            learning_rate=1e-3 if lora else 3e-4,
        ),
        examples=[Example(image=s.image, prompt=s.prompt, answer=s.answer) for s in drawn],
    )
