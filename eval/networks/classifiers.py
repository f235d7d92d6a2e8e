"""Contenders for classifiers alone: they read scores of classes, and refuse where are none."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

import torch
from torch import Tensor

from sif.errors import UsageError
from sif.eval.baselines.adv_tra import AdvTra, adv_tra, detection_rate
from sif.eval.baselines.ipguard import IpGuard, ipguard, matching_rate
from sif.eval.networks.contender import Case, Contender, NoOpinionError, Opinion
from sif.eval.networks.tasks import Task
from sif.networks.domain import Domain
from sif.networks.signature import Signing, draw_pairs, sign
from sif.networks.workshop import Made

IPGUARD: Final = "ipguard"
ADV_TRA: Final = "adv-tra"
FIT: Final = "fit-print"
NO_CLASSES: Final = "needs scores of classes; this task's networks give numbers"
VISITED: Final = 5


class ForClassifiers(Contender):
    """Somebody who judges classifiers."""

    def refusal(self, task: Task) -> str | None:
        """That a task has no classes."""
        return None if task.owner.classes else NO_CLASSES


class Boundary(ForClassifiers):
    """IPGuard as published, on as many inputs as the others have."""

    @property
    def label(self) -> str:
        """In tables."""
        return IPGUARD

    def facts(self, task: Task) -> list[Any]:
        """Its own settings."""
        return [IPGUARD, task.fingerprints, asdict(IpGuard())]

    def opinion(self, case: Case) -> Opinion:
        """Points at the boundary of the protected network."""
        network, starts = case.sets.protected.networks[0], _starts(case)
        begun = time.process_time()
        points = ipguard(network, starts, IpGuard())
        training = time.process_time() - begun
        found = [matching_rate(points, suspect) for suspect in case.suspects]
        return Opinion(found, networks=0.0, training=training)


class Trajectory(ForClassifiers):
    """ADV-TRA: a walk across boundaries from as many inputs as the others have.

    Every walk is many inputs, eight to each class that it visits, so that it asks far more than
    they do. It visits five classes, or all where there are fewer.
    """

    @property
    def label(self) -> str:
        """In tables."""
        return ADV_TRA

    def facts(self, task: Task) -> list[Any]:
        """Its own settings."""
        return [ADV_TRA, task.fingerprints, VISITED, asdict(AdvTra())]

    def opinion(self, case: Case) -> Opinion:
        """Shares of the protected network's walks that are recognised."""
        network, starts = case.sets.protected.networks[0], _starts(case)
        with torch.no_grad():
            classes = network(starts[:1]).shape[1]
        settings = AdvTra(
            classes=min(VISITED, classes), bounds=_bounds(case.task.owner.domain), seed=case.seed
        )
        begun = time.process_time()
        try:
            walks = adv_tra(network, starts, settings)
        except UsageError as error:
            raise NoOpinionError(str(error)) from error
        training = time.process_time() - begun
        found = [detection_rate(walks, suspect) for suspect in case.suspects]
        return Opinion(found, networks=0.0, training=training)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature(ForClassifiers):
    """FIT-ModelDiff: a bit for every two inputs, and a p-value of fair bits.

    Attributes:
        number: copies whose answers are to spell the signature too.
        innocents: whether as many independent networks are pushed away from it, which the paper
            does not do.
    """

    number: int
    innocents: bool

    @property
    def label(self) -> str:
        """In tables."""
        return f"{FIT}{' + innocents' if self.innocents else ''} ×{self.number}"

    def facts(self, task: Task) -> list[Any]:
        """Its settings."""
        return [self.label, self._settings(task).model_dump()]

    def opinion(self, case: Case) -> Opinion:
        """Shares of the bits that are matched, and how likely fair bits match so many."""
        task, sets = case.task, case.sets
        copies = sets.positives[: self.number]
        innocents = sets.negatives[: self.number] if self.innocents else []
        network, domain = sets.protected.networks[0], task.owner.domain
        settings = self._settings(task)
        begun = time.process_time()
        pairs = draw_pairs(
            network, settings.bits, domain=domain, ordinary=task.owner.inputs, seed=case.seed
        )
        signed = sign(
            network,
            pairs,
            sha256(f"{task.name} {case.seed}".encode()).digest(),
            settings,
            copies=_first(copies),
            innocents=_first(innocents),
            seed=case.seed,
        )
        training = time.process_time() - begun
        return Opinion(
            [signed.matches(suspect) / settings.bits for suspect in case.suspects],
            networks=sum(made.seconds for made in [*copies, *innocents]),
            training=training,
            p_values=[signed.p_value(suspect) for suspect in case.suspects],
        )

    def _settings(self, task: Task) -> Signing:
        """As many inputs as the others have, two for a bit."""
        return Signing(bits=max(2, task.fingerprints // 2))


def _starts(case: Case) -> Tensor:
    data = case.task.owner
    generator = torch.Generator().manual_seed(case.seed)
    return data.inputs[torch.randperm(len(data), generator=generator)[: case.task.fingerprints]]


def _bounds(domain: Domain) -> tuple[float, float]:
    """Of all features together, which is what ADV-TRA knows."""
    return float(domain.floor.min()), float((domain.floor + domain.span).max())


def _first(made: list[Made]) -> list[Callable[[Tensor], Tensor]]:
    return [one.networks[0] for one in made]
