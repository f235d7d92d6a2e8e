"""Small parts that other processes can import."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from sif.errors import StorageError
from sif.scale.crew import Show
from sif.scale.lent import Lent, NotHereError


@dataclass(frozen=True)
class Telling:
    """Says where it runs, with how many threads."""

    number: int

    def run(self, show: Show) -> tuple[int, int, int]:
        show("telling", self.number, 3, "words")
        show(f"last of {self.number}", 1, 1, "")
        return self.number, os.getpid(), torch.get_num_threads()


@dataclass(frozen=True)
class Talking:
    """Tells so often, in a kilobyte each."""

    often: int

    def run(self, show: Show) -> int:
        for number in range(self.often):
            show(f"stage {number}", 1, 1, 1000 * "x")
        return self.often


@dataclass(frozen=True)
class Failing:
    def run(self, show: Show) -> int:
        raise StorageError("cannot write it")


@dataclass(frozen=True)
class Blundering:
    def run(self, show: Show) -> int:
        return {}["nothing"]


@dataclass(frozen=True)
class Dying:
    def run(self, show: Show) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


@dataclass(frozen=True)
class DyingOnce:
    """Dies where it runs first, and then does not."""

    folder: Path
    number: int

    def run(self, show: Show) -> int:
        mark = self.folder / f"died-{self.number}"
        if not mark.exists():
            mark.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return self.number


@dataclass(frozen=True)
class Sleeping:
    folder: Path
    number: int
    seconds: float = 600

    def run(self, show: Show) -> int:
        (self.folder / f"{self.number}.pid").write_text(str(os.getpid()))
        time.sleep(self.seconds)
        return self.number


@dataclass(frozen=True)
class Reading:
    """Reads what lies in a folder of the asker's; may be on a node that has another one there."""

    lent: Lent
    missing: bool = False

    def run(self, show: Show) -> tuple[str, dict[str, int]]:
        folder = Path(self.lent.place())
        if self.missing and folder == Path(self.lent.source):
            raise NotHereError(self.lent)
        return str(folder), {path.name: path.stat().st_size for path in sorted(folder.iterdir())}


def ignore(stage: str, done: float, total: float, words: object) -> None:
    pass


def is_alive(process: int) -> bool:
    """Whether it runs; what is dead but not yet collected does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
