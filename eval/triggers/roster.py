"""Who is asked in a benchmark: the source, its stolen copies, and innocents, by family.

The split says who was looked at while the present default recipe was chosen; what is held out was
asked only afterwards. Knows nothing of triggers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.examples import Example
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Noise, Prune, Round
from sif.attacks.weights.merge import Interpolate
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.schedule import LowRank, Training
from sif.errors import UsageError
from sif.mini.architecture import Family
from sif.mini.catalogue import MODELS, Model
from sif.mini.data import Kind, samples

Role = Literal["source", "copy", "innocent"]
Split = Literal["tuning", "held out"]
Theft = Callable[[Path], list[WeightAttack]]
Scope = Literal["language", "all"]

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
    """

    name: str
    role: Role
    split: Split
    model: Model
    theft: Theft | None = None
    needs: tuple["Entry", ...] = ()
    begun: "Entry | None" = None


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


def chosen(family: Family, names: tuple[str, ...] | None) -> tuple[Entry, ...]:
    """Those of the roster that are named, all where None.

    Raises:
        UsageError: a name that the roster does not have.
    """
    everybody = roster(family)
    if names is None:
        return everybody
    known = [entry.name for entry in everybody]
    for name in names:
        if name not in known:
            raise UsageError(f"expected suspects among {', '.join(known)}, got {name!r}")
    return tuple(entry for entry in everybody if entry.name in names)


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
