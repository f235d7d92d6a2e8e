"""The contender that trains nothing: references trained like the protected network, and copies.

The first reference is the first independent network of the training sets, so that with one it sees
as much as the others do. More have to be trained like the protected network to the letter, which
nobody can do for a tower that came from elsewhere.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from sif.eval.networks.sets import Sets, thefts
from sif.eval.networks.tasks import Task
from sif.networks.contrast import Family
from sif.networks.method import METHODS, Method
from sif.networks.workshop import CHECKPOINTS, Workshop

ENOUGH: Final = 19  # for a p-value of 0.05
THEFT: Final = "harden"
COPIED, REFERENCES = 500, 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The method with some number of references.

    Attributes:
        number: of references, each hardened too.
    """

    number: int

    @property
    def label(self) -> str:
        """In tables."""
        return f"contrast ×{self.number}"

    @property
    def settings(self) -> Method:
        """The method's own; its inputs cost nothing, so that no task has fewer."""
        return METHODS["contrast"]

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


def contrasts(task: Task, numbers: tuple[int, ...]) -> list[Contrast]:
    """With the fewest networks that others get; and with enough for claims, where they can be made.

    The protected network is of kind 0: where training sets have none of that kind, it cannot be
    trained again.
    """
    found = [Contrast(number=numbers[0])]
    if 0 in task.trained_kinds:
        found.append(Contrast(number=ENOUGH))
    return found
