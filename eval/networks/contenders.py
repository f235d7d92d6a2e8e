"""What is compared: a method, and how many real networks of each side it may see."""

from dataclasses import dataclass
from typing import Final

from torch import nn

from sif.eval.networks.sets import Sets
from sif.eval.networks.tasks import Task
from sif.networks.joint_training import Sides
from sif.networks.method import METHODS, Method
from sif.networks.workshop import Made

NUMBERS: Final = (1, 3, 10)
IPGUARD: Final = "ipguard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
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

    def settings(self, task: Task) -> Method:
        """Of the method, at the size of the task."""
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


def _networks(made: list[Made], checkpoints: bool) -> list[nn.Module]:
    return [network for one in made for network in one.networks[: None if checkpoints else 1]]


def contenders(numbers: tuple[int, ...] = NUMBERS) -> list[Contender]:
    """Everything that is trained for each task and seed."""
    published = [
        Contender(method=method, number=number, checkpoints=method != "metav")
        for method in ("metav", "liteguard")
        for number in numbers
    ]
    ours = [
        Contender(method="near", number=number, checkpoints=True)
        for number in (numbers[0], numbers[-1])
    ]
    return [
        *published,
        *ours,
        Contender(method="near", number=numbers[0], checkpoints=True, short=True),
    ]
