"""The networks that `sif metav train` needs, made to order: by this process or by several workers.

What was made before is found again, and whoever makes a network, it is written here. Knows nothing
of what is done with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

from torch import nn

from sif.networks.commission import Commission, Examples, Origin, Theft, Training
from sif.networks.config import Independent, TrainConfig
from sif.networks.thefts.dataset import Dataset
from sif.networks.workshop import Job, Made, Workshop
from sif.scale.crew import Show
from sif.scale.hire import hire
from sif.scale.lent import Lent
from sif.scale.workforce import Workforce

# Seeds of what is made for one purpose never meet those of another.
COPIES: Final = 10_000


class Beginning(NamedTuple):
    """A network that others are made of, and where another process finds it."""

    network: nn.Module
    origin: Callable[[], Origin]


class Ordered(NamedTuple):
    """What is done with which network."""

    beginning: Beginning
    deed: Theft | Training

    def job(self, data: Dataset) -> Job:
        """The same for whoever does it."""
        return self.deed.job(self.beginning.network, data)


@dataclass(kw_only=True)
class Supply:
    """Makes networks, or finds them where they were made before.

    Attributes:
        config: what to do.
        protected: the owner's network.
        data: what networks learn from.
        workshop: keeps networks.
        workforce: who makes them.
        show: is told of progress.
        total: networks that will be made.
        done: of those.
    """

    config: TrainConfig
    protected: nn.Module
    data: Dataset
    workshop: Workshop
    workforce: Workforce
    show: Show
    total: int = 0
    done: int = 0

    def named(self, address: str, network: nn.Module) -> Beginning:
        """A network that an address names."""
        return Beginning(network, partial(Origin.of, address))

    def made(self, network: nn.Module) -> Beginning:
        """One of the protected network's architecture, that was made here."""
        return Beginning(network, partial(Origin.of, self.config.protected, network))

    def thefts(self, beginnings: Sequence[Beginning]) -> list[Ordered]:
        """Every theft, carried out on each of some networks."""
        first, ordered = self.config.seed + COPIES, self.config.copies
        return [
            Ordered(beginning, Theft(theft=theft, seed=first + 100 * number + again))
            for beginning in beginnings
            for number, theft in enumerate(ordered.made)
            for again in range(ordered.seeds)
        ]

    def independent(
        self, side: Independent, purpose: int, keep: Sequence[float] = ()
    ) -> list[Ordered]:
        """Networks of the protected one's architecture, with new initial weights.

        Args:
            side: how many, and how they are trained.
            purpose: first of the seeds that are kept apart for it.
            keep: shares of the training at which checkpoints are kept.
        """
        first, beginning = self.config.seed + purpose, self.own()
        return [
            Ordered(beginning, Training(training=side.training, seed=seed, keep=tuple(keep)))
            for seed in range(first, first + side.made)
        ]

    def own(self) -> Beginning:
        """The protected network."""
        return self.named(self.config.protected, self.protected)

    def carry_out(self, ordered: Sequence[Ordered]) -> list[list[nn.Module]]:
        """Networks in the order of what is to be done, each with its checkpoints behind it.

        Raises:
            SifError: a worker was lost too often, or what making them raises.
            StorageError: the disk refuses.
        """
        found: dict[int, Made] = {}
        missing: dict[int, Job] = {}
        for place, one in enumerate(ordered):
            job = one.job(self.data)
            kept = self.workshop.find(job)
            if kept is None:
                missing[place] = job
            else:
                found[place] = kept
                self._tell(one)
        if self.workforce.is_alone:
            for place, job in missing.items():
                found[place] = self.workshop.once(job)
                self._tell(ordered[place])
        elif missing:
            found |= self._apart(ordered, missing)
        return [found[place].networks for place in range(len(ordered))]

    def _apart(self, ordered: Sequence[Ordered], missing: dict[int, Job]) -> dict[int, Made]:
        """The missing ones, made by others and written here as they come."""
        found, places = dict[int, Made](), [*missing]
        examples = Examples(Lent.of(str(self.config.data)), self.config.inputs)
        parts = (
            Commission(ordered[place].beginning.origin(), examples, ordered[place].deed)
            for place in places
        )
        force = self.workforce
        if force.gpus is None:  # networks are made on processors
            force = replace(force, gpus=0.0)
        if force.jobs is not None:
            force = replace(force, jobs=min(force.jobs, len(places)))
        with hire(force, self.show) as crew:
            for arrived in crew.arriving(parts):
                place = places[arrived.number]
                self.workshop.keep(missing[place], arrived.result)
                found[place] = self.workshop.once(missing[place])
                self._tell(ordered[place])
        return found

    def _tell(self, one: Ordered) -> None:
        self.done += 1
        self.show("networks", self.done, self.total, one.deed.words)
