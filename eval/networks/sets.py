"""The networks of one task and seed: the protected one, training sets, and unseen suspects.

Training sets are made from what the owner has; thefts of suspects from what the thief has, with
other seeds. Nothing that a suspect is made of has a part in any training of fingerprints but the
protected network itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import torch
from torch import nn

from sif.eval.networks.tasks import Task
from sif.networks.thefts import (
    AnyObfuscation,
    Distil,
    Extract,
    Harden,
    Noise,
    Prune,
    Quantize,
    Remove,
    Tune,
)
from sif.networks.thefts.dataset import Dataset, score
from sif.networks.thefts.fit import Fit
from sif.networks.workshop import CHECKPOINTS, Made, Workshop

POOL: Final = 10
COPIES: Final = 3
# Networks of a quarter of the training, which cost less than three real ones together.
SHORT_NEGATIVES: Final = 12
SHORT_SHARE: Final = 0.25
SHORT_DATA: Final = 0.6
# Weights shared with the protected network, or only its answers learnt.
LEARNT: Final = ("distil", "distil other", "extract soft", "extract labels")
# Told apart in every table, and of no training set: who sells fingerprints has not seen the attack.
REMOVED: Final = {"remove 0.1": 0.1, "remove 0.3": 0.3, "remove 1": 1.0}
# The attack pulls two ways at once, and needs its time.
REMOVAL_LENGTH: Final = 3
Tell = Callable[[str], None]


class Suspect(NamedTuple):
    """A network that no training step has seen.

    Attributes:
        kind: the theft, or "independent".
        copy: whether it is of the protected network.
        network: itself.
        quality: accuracy or R² on unseen data.
    """

    kind: str
    copy: bool
    network: nn.Module
    quality: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """All networks of a task and seed.

    Attributes:
        protected: the owner's, and its checkpoints.
        positives: pool of copies to train on, one for each theft, in an order by the
            seed.
        negatives: pool of independent networks to train on, each with its checkpoints.
        short_positives: students that learnt for a quarter of the time.
        short_negatives: independent networks that did, half of them on a part of the owner's data.
        suspects: unseen.
    """

    protected: Made
    positives: list[Made]
    negatives: list[Made]
    short_positives: list[Made]
    short_negatives: list[Made]
    suspects: list[Suspect]


def thefts(task: Task) -> dict[str, AnyObfuscation]:
    """Every theft, by its name in tables."""
    queried = task.training.model_copy(update={"epochs": task.training.epochs / 2})
    return {
        "tune last": Tune(layers="last", training=task.tuning),
        "tune all": Tune(training=task.tuning),
        "prune": Prune(fraction=0.4, training=task.tuning),
        "quantize": Quantize(bits=4),
        "noise": Noise(sigma=0.1),
        "distil": Distil(training=task.training),
        "distil other": Distil(training=task.training, student=task.student),
        "extract soft": Extract(training=queried),
        "extract labels": Extract(answers="labels", training=queried),
        "harden": Harden(training=task.tuning),
    }


def removals(task: Task) -> dict[str, AnyObfuscation]:
    """RemovalNet at its strengths, by its name in tables; for suspects alone."""
    training = task.training.model_copy(
        update={
            "epochs": REMOVAL_LENGTH * task.training.epochs,
            "learning_rate": task.tuning.learning_rate,
        }
    )
    return {
        name: Remove(strength=strength, training=training) for name, strength in REMOVED.items()
    }


def make_sets(task: Task, workshop: Workshop, seed: int, *, tell: Tell) -> Sets:
    """Makes them, or finds those that were made before.

    Args:
        task: already split by the same seed.
        workshop: keeps them.
        seed: of everything that is drawn.
        tell: called with a few words before each network.
    """
    base = 100_000 * seed
    ways = thefts(task)
    tell("protected")
    protected = _trained(task, workshop, task.owner, kind=0, seed=base)
    network = protected.networks[0]
    names = list(ways)
    order = names[seed % len(names) :] + names[: seed % len(names)]
    positives = []
    for place, name in enumerate(order):
        tell(f"training: {name}")
        positives.append(workshop.stolen(network, ways[name], task.owner, base + 100 + place))
    negatives = []
    for place in range(POOL):
        tell("training: independent")
        kind = task.trained_kinds[place % len(task.trained_kinds)]
        negatives.append(_trained(task, workshop, task.owner, kind=kind, seed=base + 200 + place))
    suspects = _stolen(task, workshop, network, ways, base + 1000, tell)
    suspects += _independent(task, workshop, base + 2000, len(suspects), tell)
    suspects += _stolen(task, workshop, network, removals(task), base + 3000, tell)
    return Sets(
        protected=protected,
        positives=positives,
        negatives=negatives,
        short_positives=_short_students(task, workshop, network, base + 300, tell),
        short_negatives=_short_independent(task, workshop, base + 400, tell),
        suspects=suspects,
    )


def short_thefts(task: Task) -> list[AnyObfuscation]:
    """What stands in for distilled and extracted copies at little cost."""
    short = _shortened(task)
    return [
        Distil(training=short),
        Distil(training=short, student=task.student),
        Extract(training=short),
        Extract(answers="labels", training=short),
    ]


def _short_students(
    task: Task, workshop: Workshop, network: nn.Module, first: int, tell: Tell
) -> list[Made]:
    found = []
    for place, theft in enumerate(short_thefts(task)):
        tell("training: short student")
        found.append(workshop.stolen(network, theft, task.owner, first + place))
    return found


def _short_independent(task: Task, workshop: Workshop, first: int, tell: Tell) -> list[Made]:
    short, found = _shortened(task), []
    for place in range(SHORT_NEGATIVES):
        tell("training: short independent")
        data, seed = task.owner, first + place
        if place % 2:
            generator = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(data), generator=generator)
            data = data.part(order[: int(SHORT_DATA * len(data))])
        kind = task.trained_kinds[place % len(task.trained_kinds)]
        found.append(workshop.trained(partial(task.begin, kind, seed), data, short, seed))
    return found


def _shortened(task: Task) -> Fit:
    return task.training.model_copy(update={"epochs": SHORT_SHARE * task.training.epochs})


def _stolen(
    task: Task,
    workshop: Workshop,
    network: nn.Module,
    ways: dict[str, AnyObfuscation],
    first: int,
    tell: Tell,
) -> list[Suspect]:
    found = []
    for place, (name, theft) in enumerate(ways.items()):
        for again in range(COPIES):
            tell(f"suspect: {name}")
            seed = first + 10 * place + again
            copy = workshop.stolen(network, theft, task.thief, seed).networks[0]
            found.append(Suspect(name, True, copy, score(copy, task.unseen)))
    return found


def _independent(
    task: Task, workshop: Workshop, first: int, number: int, tell: Tell
) -> list[Suspect]:
    """A third each learnt from the owner's data, from the thief's, and from both."""
    both = task.owner.retold(
        torch.cat([task.owner.inputs, task.thief.inputs]),
        torch.cat([task.owner.targets, task.thief.targets]),
        soft=False,
    )
    kinds, found = task.suspect_kinds, []
    for place in range(number):
        tell("suspect: independent")
        data = (task.owner, task.thief, both)[(place + place // len(kinds)) % 3]
        network = _trained(
            task, workshop, data, kind=kinds[place % len(kinds)], seed=first + place, keep=()
        ).networks[0]
        found.append(Suspect("independent", False, network, score(network, task.unseen)))
    return found


def _trained(
    task: Task,
    workshop: Workshop,
    data: Dataset,
    *,
    kind: int,
    seed: int,
    keep: tuple[float, ...] = CHECKPOINTS,
) -> Made:
    begin = partial(task.begin, kind, seed)
    return workshop.trained(begin, data, task.training, seed, checkpoints=keep)
