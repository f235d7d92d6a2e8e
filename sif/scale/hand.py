"""What an actor of a Ray cluster does: carries out one part after the other, and tells of it.

Lives in a process of its own, which may be on another machine; keeps in it whatever parts keep in
their modules, such as a model. Knows nothing of clusters.
"""

import logging
import os
import platform
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sif.errors import SifError, StorageError
from sif.scale.crew import Part, Show, seldom
from sif.scale.lent import Lent, NotHereError, give_back, unpack


class Told(NamedTuple):
    """Progress, as `Show` takes it."""

    stage: str
    done: float
    total: float
    words: Any

    def reach(self, show: Show) -> None:
        """Tells it on."""
        show(*self)


class Logged(NamedTuple):
    """A record of a logger of ours."""

    name: str
    level: int
    words: str

    def reach(self, show: Show) -> None:
        """Says it again, here."""
        logging.getLogger(self.name).log(self.level, "%s", self.words)


News = Told | Logged


class Place(NamedTuple):
    """Where a worker is, in words and by Ray's number of the node."""

    words: str
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a worker takes over from whoever asks.

    Attributes:
        folder: that he works in.
        paths: where he finds modules.
        threads: that are to compute.
        level: from which on our loggers speak.
        must_see: a file that has to lie where he runs, in a folder that he is to write into.
    """

    folder: str
    paths: tuple[str, ...]
    threads: int
    level: int
    must_see: Path | None

    @classmethod
    def here(cls, threads: int, *, must_see: Path | None = None) -> "Surroundings":
        """Those of this process."""
        return cls(
            folder=str(Path.cwd()),
            paths=tuple(sys.path),
            threads=threads,
            level=logging.getLogger("sif").getEffectiveLevel(),
            must_see=must_see,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a part ended, and what was told before.

    Attributes:
        news: not yet fetched.
        result: what came of it.
        error: what it raised on purpose instead.
        needs: a folder that has to be sent first; nothing was done.
    """

    news: tuple[News, ...]
    result: Any = None
    error: SifError | None = None
    needs: Lent | None = None


class Hand:
    """One worker. Its methods are called from several threads: one works, another fetches news."""

    def __init__(self) -> None:
        self._news: deque[News] = deque()
        self._tell = seldom(lambda *words: self._news.append(Told(*words)))

    def begin(self, around: Surroundings) -> Place:
        """Sets up the process; says where it is.

        Raises:
            StorageError: a folder that it has to write into is not the asker's.
        """
        if around.must_see is not None and not around.must_see.exists():
            raise StorageError(
                f"expected {around.must_see.parent} to be the same folder on every node, got "
                f"another or none on {platform.node()}; choose --out on a file system that all "
                "nodes share"
            )
        with suppress(OSError):  # on another machine there may be no such folder
            os.chdir(around.folder)
        sys.path.extend(path for path in around.paths if path and path not in sys.path)
        ours = logging.getLogger("sif")
        ours.setLevel(around.level)
        ours.addHandler(_Forwarding(self._news.append))
        ours.propagate = False
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        import torch

        torch.set_num_threads(around.threads)
        import ray

        words = f"{platform.node()}, process {os.getpid()}"
        return Place(words=words, node=ray.get_runtime_context().get_node_id())

    def work(self, part: Part[Any]) -> Outcome:
        """Carries out a part."""
        try:
            result = part.run(self._tell)
        except NotHereError as error:
            return Outcome(news=self.news(), needs=error.lent)
        except SifError as error:
            return Outcome(news=self.news(), error=error)
        return Outcome(news=self.news(), result=result)

    def take(self, lent: Lent, pieces: list[tuple[str, Any]]) -> None:
        """Keeps the files of a folder, whose pieces lie in the cluster's store."""
        import ray

        unpack(lent, ((name, ray.get(piece)) for name, piece in pieces))

    def news(self) -> tuple[News, ...]:
        """What was told since this was last asked."""
        told = []
        with suppress(IndexError):
            while True:
                told.append(self._news.popleft())
        return tuple(told)

    def end(self) -> None:
        """Tidies up."""
        give_back()


class _Forwarding(logging.Handler):
    """Hands records over as news."""

    def __init__(self, append: Callable[[News], None]) -> None:
        super().__init__()
        self._append = append

    def emit(self, record: logging.LogRecord) -> None:
        """Formats it here, for its values may not travel."""
        self._append(Logged(record.name, record.levelno, record.getMessage()))
