"""The work on a plan: a crew makes lots and weighs words, this process writes what comes of it.

Results are written as they come; each trigger is there whole or not at all. Knows nothing of what
becomes of the folder.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sif.fingerprint.lot import AtWork, MadeTrigger
from sif.fingerprint.manifest import TriggerRecord
from sif.fingerprint.plan import Plan, generation_of, trigger_id
from sif.fingerprint.predictability import Chances
from sif.fingerprint.workspace import Workspace
from sif.scale.crew import Arrived, Crew
from sif.scale.hire import hire
from sif.scale.workforce import Workforce
from sif.vlm.model import Vlm

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakingProgress:
    """What making tells its caller: triggers done out of all, and where those at work are.

    Attributes:
        elsewhere: work done by other workers on triggers that are not done, in triggers.
    """

    done: int
    count: int
    working: int
    attempt: int
    step: int
    steps: int
    loss: float
    elsewhere: float = 0.0

    @property
    def part(self) -> float:
        """The work done on the triggers at work, in triggers."""
        return self.working * self.step / self.steps + self.elsewhere


Report = Callable[[MakingProgress], None]


def silent(progress: MakingProgress) -> None:
    """Tells nobody."""


class Overview:
    """All that workers tell, as one progress.

    Args:
        count: of triggers in all.
        report: is told.
    """

    def __init__(self, count: int, report: Report) -> None:
        self.done = 0
        self._count = count
        self._report = report
        self._at_work: dict[str, MakingProgress] = {}

    def told(self, lot: str, done: float, total: float, words: Any) -> None:
        """A lot tells how far it is."""
        if not isinstance(words, AtWork):
            return
        one = MakingProgress(
            done=words.done,
            count=self._count,
            working=words.working,
            attempt=words.attempt,
            step=words.step,
            steps=words.steps,
            loss=words.loss,
        )
        self._at_work[lot] = one
        others = [it.done + it.part for name, it in self._at_work.items() if name != lot]
        self._report(replace(one, done=self.done + one.done, elsewhere=sum(others)))

    def finished(self, lot: str, triggers: int) -> None:
        """A lot has been written."""
        self._at_work.pop(lot, None)
        self.done += triggers


class Making:
    """The work on one plan.

    Args:
        plan: what is to be made.
        crew: who makes it.
        overview: of how far they are.
    """

    def __init__(self, plan: Plan, crew: Crew, overview: Overview) -> None:
        self._plan = plan
        self._crew = crew
        self._overview = overview

    def make(self, batches: Sequence[range], workspace: Workspace) -> None:
        """Makes what is missing of some batches.

        Raises:
            SifError: what a part raised, or the disk.
        """
        missing = []
        for batch in batches:
            if all(workspace.record(trigger_id(index)) for index in batch):
                self._overview.finished(trigger_id(batch.start), len(batch))
            else:
                missing.append(batch)
        for arrived in self._crew.arriving(self._plan.lots(missing)):
            for trigger in arrived.result:
                self._write(trigger, workspace)
            batch = missing[arrived.number]
            self._overview.finished(trigger_id(batch.start), len(batch))

    def weigh(
        self, records: Sequence[Sequence[TriggerRecord]], workspace: Workspace
    ) -> Iterator[Chances]:
        """What was likely in answers about the base pictures of each batch, in their order."""
        return in_order(self._crew.arriving(self._plan.weighings(workspace.folder, records)))

    def _write(self, made: MadeTrigger, workspace: Workspace) -> None:
        files = workspace.write_images(made.id, made.picture, made.base)
        workspace.write_record(
            TriggerRecord(
                id=made.id,
                **files,
                source_image=made.source_image,
                prompt=made.prompt,
                generation=generation_of(self._plan.request.recipe),
                key_commitment=self._plan.keys.commitment(made.id),
                quality=made.quality,
            )
        )


@contextmanager
def at_work(plan: Plan, workforce: Workforce, report: Report) -> Iterator[Making]:
    """The work on a plan, with a crew that is there for the block.

    Raises:
        SifError: as of `hire`.
    """
    overview = Overview(plan.request.count, report)
    with hire(_with_model(workforce, plan.vlm), overview.told) as crew:
        yield Making(plan, crew, overview)


def _with_model(workforce: Workforce, vlm: Vlm) -> Workforce:
    """Each worker of a cluster gets the kind of device that the model is on here."""
    if workforce.gpus is not None:
        return workforce
    return replace(workforce, gpus=float(vlm.device.type == "cuda"))


def in_order(arriving: Iterable[Arrived[T]]) -> Iterator[T]:
    """Results in the order of their parts, held back until it is their turn."""
    waiting: dict[int, T] = {}
    wanted = 0
    for arrived in arriving:
        waiting[arrived.number] = arrived.result
        while wanted in waiting:
            yield waiting.pop(wanted)
            wanted += 1
