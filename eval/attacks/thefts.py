"""From the text of a theft, such as `round:3` or `lora-terse:60`, to who is asked: a stolen copy.

The one place that knows how weights are stolen in this benchmark.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.drop_layers import DropLayers
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Noise, Prune, Round, TwoOfFour
from sif.attacks.weights.merge import Interpolate, TaskArithmetic, Ties
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.removal import Remove
from sif.attacks.weights.transplant import Transplant
from sif.errors import UsageError
from sif.eval.attacks.grid import NONE
from sif.eval.triggers.mini_roster import (
    OTHER_WORLD,
    Entry,
    Scope,
    Theft,
    chosen,
    roster,
    tuning,
)
from sif.mini.architecture import Family
from sif.mini.data import Kind

DATA_SEED: Final = 202
EXAMPLES: Final = 512
REMOVAL_STEPS: Final = 180
MERGED: Final = "full-other-world:60"
BESIDE: Final = "lora-same:60"
HOST: Final = "sibling-c"


class Job(NamedTuple):
    """What a copy was tuned for: examples of one kind in one world; the source's captions."""

    world: int
    kind: Kind = "captions"


def stolen(family: Family, text: str) -> Entry:
    """The copy that a theft makes, or the source itself for `none`.

    Args:
        family: of the mini models.
        text: a theft of the grid.

    Raises:
        UsageError: no such theft.
    """
    source, (name, _, number) = roster(family)[0], text.partition(":")
    if text == NONE:
        return source
    match name:
        case "int8" | "nf4":
            return _worn(source, text, Quantize(kind=name))
        case "round":
            return _worn(source, text, Round(bits=int(number)))
        case "prune":
            return _worn(source, text, Prune(fraction=float(number)))
        case "two-of-four":
            return _worn(source, text, TwoOfFour())
        case "weight-noise":
            return _worn(source, text, Noise(sigma=float(number)))
        case "drop-layers":
            return _worn(source, text, DropLayers(layers=int(number)))
        case "remove-language" | "remove-all":
            return _removed(source, text, float(number))
        case "merge-linear" | "merge-task" | "merge-ties":
            return _merged(family, text, float(number))
        case "transplant-language" | "transplant-vision":
            return _transplanted(family, text, int(number))
        case _:
            return _tuned(family, text)


def job_of(family: Family, text: str) -> Job:
    """What the copy is good for: what it was tuned on, or the source's own captions.

    Raises:
        UsageError: a tuning on unknown data.
    """
    world = roster(family)[0].model.world
    how, _, what = text.partition(":")[0].partition("-")
    if how not in ("lora", "full"):
        return Job(world)
    match what:
        case "same":
            return Job(world)
        case "terse" | "questions":
            return Job(world, what)
        case "other-world":
            return Job(OTHER_WORLD)
        case _:
            raise UsageError(f"expected a theft of the grid, got {text!r}")


def _worn(source: Entry, text: str, attack: WeightAttack) -> Entry:
    return _copy(source, text, lambda _: [attack])


def _tuned(family: Family, text: str) -> Entry:
    name, _, steps = text.partition(":")
    job = job_of(family, text)
    if not name.startswith(("lora-", "full-")) or not steps.isdecimal():
        raise UsageError(f"expected a theft of the grid, got {text!r}")

    def theft(_: Path) -> list[WeightAttack]:
        return [_learning(job, lora=name.startswith("lora"), steps=int(steps))]

    return _copy(roster(family)[0], text, theft)


def _removed(source: Entry, text: str, push: float) -> Entry:
    """Tuned on more of the same to say it with other features."""
    scope: Scope = "all" if text.startswith("remove-all") else "language"
    job = Job(source.model.world)
    learned = _learning(job, lora=False, steps=REMOVAL_STEPS, scope=scope)
    removal = Remove(strength=push, training=learned.training, examples=learned.examples)
    return _copy(source, text, lambda _: [removal])


def _merged(family: Family, text: str, weight: float) -> Entry:
    """With a copy tuned elsewhere; task vectors are those of two tunings, so they need a second."""
    source, other = roster(family)[0], stolen(family, MERGED)

    def theft(models: Path) -> list[WeightAttack]:
        guest, base = str(models / other.name), str(models / source.model.name)
        match text.partition(":")[0]:
            case "merge-linear":
                return [Interpolate(other=guest, weight=weight)]
            case "merge-task":
                return [TaskArithmetic(other=guest, base=base, weight=weight)]
            case _:
                return [Ties(other=guest, base=base, weight=weight)]

    begun = None if text.startswith("merge-linear") else stolen(family, BESIDE)
    return _copy(source, text, theft, needs=(other,), begun=begun)


def _transplanted(family: Family, text: str, steps: int) -> Entry:
    """The source's language model in a sibling's shell, or its shell around a sibling's."""
    source, (host,) = roster(family)[0], chosen(family, (HOST,))
    seeing = text.startswith("transplant-vision")
    attacked, guest = (host, source) if seeing else (source, host)

    def theft(models: Path) -> list[WeightAttack]:
        done: list[WeightAttack] = [Transplant(other=str(models / guest.model.name))]
        if steps:
            world = source.model.world
            done.append(_learning(Job(world), lora=False, steps=steps, scope="all"))
        return done

    return _copy(attacked, text, theft, needs=(guest,))


def _learning(job: Job, *, lora: bool, steps: int, scope: Scope = "language") -> Finetune:
    return tuning(
        job.world,
        job.kind,
        lora=lora,
        seed=DATA_SEED,
        steps=steps,
        examples=EXAMPLES,
        scope=scope,
    )


def _copy(
    victim: Entry,
    text: str,
    theft: Theft,
    *,
    needs: Sequence[Entry] = (),
    begun: Entry | None = None,
) -> Entry:
    return Entry(
        name=text.replace(":", "-"),
        role="copy",
        split="held out",
        model=victim.model,
        theft=theft,
        needs=tuple(needs),
        begun=begun,
    )
