"""Who is compared: contenders that see other networks, and all contenders of a task.

Three are trained, on so many real networks of each side; contrast trains nothing, but has
references trained like the protected network, and copies. Those for classifiers alone are in
`sif.eval.networks.classifiers`.
"""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from torch import nn

from sif.eval.networks.classifiers import Boundary, Signature, Trajectory
from sif.eval.networks.contender import Case, Contender, Opinion
from sif.eval.networks.sets import Sets, thefts
from sif.eval.networks.tasks import Task
from sif.networks.contrast import Family, contrast_fingerprints
from sif.networks.joint_training import Sides, train_fingerprints
from sif.networks.method import METHODS, Method
from sif.networks.workshop import CHECKPOINTS, Made, Workshop

ENOUGH: Final = 19  # for a p-value of 0.05
THEFT: Final = "harden"
COPIED, REFERENCES = 500, 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained(Contender):
    """A method with training sets of some size.

    Attributes:
        method: its name in `sif.networks.method`.
        number: real networks on each side.
        checkpoints: whether checkpoints of those, and of the protected network, are seen too.
        short: whether networks of a quarter of the training are seen too.
    """

    method: str
    number: int
    checkpoints: bool
    short: bool = False

    @property
    def label(self) -> str:
        """In tables."""
        return f"{self.method}{' + short' if self.short else ''} ×{self.number}"

    def facts(self, task: Task) -> list[Any]:
        """Its sets and its method."""
        return [self.label, self.checkpoints, self.sized(task).model_dump()]

    def sized(self, task: Task) -> Method:
        """The method at the size of the task."""
        method = METHODS[self.method]
        return method.model_copy(
            update={
                "fingerprints": task.fingerprints,
                "iterations": min(method.iterations, task.iterations),
            }
        )

    def sides(self, sets: Sets) -> tuple[Sides, float]:
        """Its training sets, and the processor's seconds that making them took.

        Checkpoints come at no cost of their own; copies have none, for most thefts train nothing
        that has any, so the protected network's stand in for them.
        """
        positives = sets.positives[: self.number] + (sets.short_positives if self.short else [])
        negatives = sets.negatives[: self.number]
        shorts = sets.short_negatives if self.short else []
        seconds = sum(made.seconds for made in [*positives, *negatives, *shorts])
        copies = [made.networks[0] for made in positives]
        copies += sets.protected.networks[1:] if self.checkpoints else []
        others = _networks(negatives, self.checkpoints) + _networks(shorts, False)
        return Sides(positives=copies, negatives=others), seconds

    def opinion(self, case: Case) -> Opinion:
        """Trains inputs and verifier together."""
        task, (sides, seconds) = case.task, self.sides(case.sets)
        begun = time.process_time()
        trained = train_fingerprints(
            case.sets.protected.networks[0],
            sides,
            self.sized(task),
            domain=task.owner.domain,
            ordinary=task.owner.inputs,
            kind=task.kind,
            seed=case.seed,
        )
        training = time.process_time() - begun
        return Opinion(trained.scores(case.suspects), networks=seconds, training=training)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast(Contender):
    """The method that trains nothing, with some number of references.

    The first reference is the first independent network of the training sets, so that with one it
    sees as much as the others do. More have to be trained like the protected network to the letter,
    which nobody can do for a tower that came from elsewhere.

    Attributes:
        number: of references, each hardened too.
    """

    number: int

    @property
    def label(self) -> str:
        """In tables."""
        return f"contrast ×{self.number}"

    def facts(self, task: Task) -> list[Any]:
        """The method's own settings; its inputs cost nothing, so that no task has fewer."""
        return [self.label, METHODS["contrast"].model_dump()]

    def families(
        self, task: Task, sets: Sets, workshop: Workshop, seed: int
    ) -> tuple[list[Family], float]:
        """The protected network's family, then those of references; and the seconds they took."""
        base, theft = 100_000 * seed, thefts(task)[THEFT]
        heads = [sets.protected, sets.negatives[0]]
        for place in range(1, self.number):
            begin = partial(task.begin, 0, base + REFERENCES + place)
            order = base + REFERENCES + place
            heads.append(
                workshop.trained(begin, task.owner, task.training, order, checkpoints=CHECKPOINTS)
            )
        copies = [
            workshop.stolen(head.networks[0], theft, task.owner, base + COPIED + place)
            for place, head in enumerate(heads)
        ]
        seconds = sum(made.seconds for made in [*heads[1:], *copies])
        families = [
            Family(head.networks[0], copy.networks)
            for head, copy in zip(heads, copies, strict=True)
        ]
        return families, seconds

    def opinion(self, case: Case) -> Opinion:
        """References instead of training; with enough of them, p-values too."""
        task = case.task
        (protected, *references), seconds = self.families(task, case.sets, case.workshop, case.seed)
        begun = time.process_time()
        made = contrast_fingerprints(
            protected,
            references,
            METHODS["contrast"],
            domain=task.owner.domain,
            ordinary=task.owner.inputs,
            kind=task.kind,
            seed=case.seed,
        )
        training = time.process_time() - begun
        ranked = None
        if self.number >= ENOUGH:
            ranked = made.verifier.p_values(made.readings(case.suspects))
        return Opinion(
            made.scores(case.suspects),
            networks=seconds,
            training=training,
            p_values=None if ranked is None else ranked.tolist(),
        )


def contenders(task: Task, numbers: tuple[int, ...]) -> list[Contender]:
    """Everybody who takes part in a task, with so many real networks on each side."""
    published = [
        Trained(method=method, number=number, checkpoints=method != "metav")
        for method in ("metav", "liteguard")
        for number in numbers
    ]
    ours = [
        Trained(method="near", number=number, checkpoints=True)
        for number in (numbers[0], numbers[-1])
    ]
    short = Trained(method="near", number=numbers[0], checkpoints=True, short=True)
    alone = [Boundary(), Trajectory(), *signatures(numbers)]
    return [*published, *ours, short, *contrasts(task, numbers), *alone]


def signatures(numbers: tuple[int, ...]) -> list[Signature]:
    """As published, with copies alone; and with innocents, from few to many."""
    few, many = numbers[0], numbers[-1]
    shielded = [Signature(number=number, innocents=True) for number in dict.fromkeys((few, many))]
    return [Signature(number=few, innocents=False), *shielded]


def contrasts(task: Task, numbers: tuple[int, ...]) -> list[Contrast]:
    """With the fewest networks that others get; and with enough for claims, where they can be made.

    The protected network is of kind 0: where training sets have none of that kind, it cannot be
    trained again.
    """
    found = [Contrast(number=numbers[0])]
    if 0 in task.trained_kinds:
        found.append(Contrast(number=ENOUGH))
    return found


def _networks(made: list[Made], checkpoints: bool) -> list[nn.Module]:
    return [network for one in made for network in one.networks[: None if checkpoints else 1]]
