"""What a contender is: somebody who judges all suspects of a task and seed. Knows no single one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from sif.eval.networks.scores import Cost, Judged, Score, digest
from sif.eval.networks.sets import Sets
from sif.eval.networks.tasks import Task
from sif.networks.workshop import Workshop


class NoOpinionError(Exception):
    """A contender that found nothing to judge by, with the reason for its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be judged: the networks of one task and seed.

    Attributes:
        task: split by the seed.
        seed: of everything that is drawn.
        sets: its networks, the suspects among them.
        workshop: keeps networks.
    """

    task: Task
    seed: int
    sets: Sets
    workshop: Workshop

    @property
    def suspects(self) -> list[nn.Module]:
        """The suspected networks."""
        return [suspect.network for suspect in self.sets.suspects]


class Opinion(NamedTuple):
    """What a contender says of all suspects, in their order, and the seconds that it took.

    Attributes:
        scores: in [0, 1].
        networks: seconds of the processor for the networks that it saw.
        training: the same for itself.
        p_values: of one that can claim.
    """

    scores: Sequence[float]
    networks: float
    training: float
    p_values: Sequence[float] | None = None


class Contender(ABC):
    """Somebody who judges all suspects of a case."""

    def refusal(self, task: Task) -> str | None:
        """Why it does not apply to a task; None where it does."""
        return None

    @property
    @abstractmethod
    def label(self) -> str:
        """In tables."""

    @abstractmethod
    def facts(self, task: Task) -> list[Any]:
        """What decides its opinion beside the networks."""

    @abstractmethod
    def opinion(self, case: Case) -> Opinion:
        """What it says."""

    def settings(self, task: Task) -> str:
        """A digest of the facts, by which its rows are found again."""
        return digest(self.facts(task))

    def judge(self, case: Case) -> Judged:
        """A row for each suspect, and one of cost; only the latter, with a reason, without any."""
        reason = self.refusal(case.task)
        if reason is None:
            try:
                return self._judged(case, self.opinion(case))
            except NoOpinionError as error:
                reason = str(error)
        cost = Cost(
            contender=self.label,
            settings=self.settings(case.task),
            networks=0.0,
            training=0.0,
            reason=reason,
        )
        return (), cost

    def _judged(self, case: Case, found: Opinion) -> Judged:
        suspects = case.sets.suspects
        p_values: Sequence[float | None] = found.p_values or [None] * len(suspects)
        rows = tuple(
            Score(
                contender=self.label,
                suspect=suspect.kind,
                copy_of_protected=suspect.copy,
                quality=suspect.quality,
                score=score,
                p_value=p_value,
            )
            for suspect, score, p_value in zip(suspects, found.scores, p_values, strict=True)
        )
        cost = Cost(
            contender=self.label,
            settings=self.settings(case.task),
            networks=found.networks,
            training=found.training,
        )
        return rows, cost
