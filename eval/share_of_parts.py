"""A share of a study's parts: those of the first stage that is not whole are carried out, no more.

A stage is one list of parts that a study hands out; what follows may need what all of them left. A
part that is done is marked in the folder, so that once the shares are joined (`sif merge`), each
finds the stage whole and begins with the next. Knows no study.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from sif.files import write_atomically
from sif.scale.crew import Arrived, Crew, Part
from sif.scale.shard import Shard

T = TypeVar("T")


class ShareDoneError(Exception):
    """A share is done for now: what follows needs what others leave.

    Args:
        stage: that it did its parts of, from 0.
        own: parts of it that are its own.
        others: that were not done here.
    """

    def __init__(self, stage: int, own: int, others: int) -> None:
        super().__init__(f"stage {stage}")
        self.stage, self.own, self.others = stage, own, others


class ShareOfParts:
    """Counts stages, and knows which parts of them are done.

    Args:
        shard: whose parts are carried out.
        marks: folder with an empty file for each part that is done.

    Attributes:
        stages: that have begun.
    """

    def __init__(self, shard: Shard, marks: Path) -> None:
        self._shard = shard
        self._marks = marks
        self.stages = 0

    def among(self, crew: Crew) -> Crew:
        """A crew that carries out a share of what it is handed."""
        return _Sharing(crew, self)

    def begin(self) -> int:
        """The number of a stage that begins, from 0."""
        self.stages += 1
        return self.stages - 1

    def has(self, place: int) -> bool:
        """Whether a part is in this share."""
        return self._shard.has(place)

    def is_done(self, stage: int, place: int) -> bool:
        """Whether somebody has done a part."""
        return self._mark(stage, place).is_file()

    def keep(self, stage: int, place: int) -> None:
        """Marks a part as done.

        Raises:
            StorageError: the disk refuses.
        """
        if not self.is_done(stage, place):
            write_atomically(self._mark(stage, place), "")

    def _mark(self, stage: int, place: int) -> Path:
        return self._marks / f"{stage}-{place}"


class _Sharing(Crew):
    """Another crew, which is given a share of the parts."""

    def __init__(self, crew: Crew, share: ShareOfParts) -> None:
        self.size = crew.size
        self._crew = crew
        self._share = share

    def arriving(self, parts: Iterable[Part[T]]) -> Iterator[Arrived[T]]:
        """As they come; where somebody else's are missing, what comes is kept in the folder alone.

        Raises:
            ShareDoneError: they are missing.
        """
        every, share = list(parts), self._share
        stage = share.begin()
        places = range(len(every))
        missing = [it for it in places if not share.has(it) and not share.is_done(stage, it)]
        if not missing:
            for arrived in self._crew.arriving(every):
                share.keep(stage, arrived.number)
                yield arrived
            return
        own = [it for it in places if share.has(it)]
        todo = [it for it in own if not share.is_done(stage, it)]
        for arrived in self._crew.arriving([every[it] for it in todo]):
            share.keep(stage, todo[arrived.number])
        raise ShareDoneError(stage, len(own), len(missing))
