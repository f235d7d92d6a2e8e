"""A folder of whoever asks, where somebody else needs it: as it lies there too, or unpacked.

A part names the folder; its worker looks whether the same files lie under that path where it runs.
Where they do not, it says so, is sent them, and keeps them in a temporary folder as long as it
lives. Knows nothing of models.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sif.scratch import scratch

PIECE: Final = 1 << 26
"""Bytes of a file that travel together."""
SAMPLE: Final = 1 << 16


class NotHereError(Exception):
    """A folder is needed that does not lie here.

    Args:
        lent: names it.
    """

    def __init__(self, lent: "Lent") -> None:
        super().__init__(lent.source)
        self.lent = lent


@dataclass(frozen=True, slots=True)
class Lent:
    """What a part needs of the asker's disk.

    Attributes:
        source: a folder's path, or the name of something that is everywhere.
        files: names and sizes with samples of their content; none of a mere name.
    """

    source: str
    files: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, source: str) -> "Lent":
        """A folder with the files in it, or the name as it is."""
        folder = Path(source).expanduser()
        if not folder.is_dir():
            return cls(source)
        return cls(str(folder.absolute()), tuple(_listed(folder)))

    def place(self) -> str:
        """Where it lies for whoever calls this.

        Raises:
            NotHereError: nowhere yet.
        """
        if not self.files:
            return self.source
        if self in _unpacked:
            return str(_unpacked[self])
        folder = Path(self.source)
        if folder.is_dir() and tuple(_listed(folder)) == self.files:
            return self.source
        raise NotHereError(self)

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """The files, piece by piece, with the name of the file that each belongs to."""
        for path in _files(Path(self.source)):
            with path.open("rb") as file:
                yield path.name, b""  # an empty file is a file
                while piece := file.read(PIECE):
                    yield path.name, piece


_unpacked: Final[dict[Lent, Path]] = {}
_held: Final = ExitStack()


def unpack(lent: Lent, pieces: Iterable[tuple[str, bytes]]) -> None:
    """Writes the files into a temporary folder of this process, where `place` finds them.

    Raises:
        OSError: the disk refuses.
    """
    folder = _held.enter_context(scratch("lent")) / Path(lent.source).name
    folder.mkdir()
    for name, piece in pieces:
        with (folder / Path(name).name).open("ab") as file:
            file.write(piece)
    _unpacked[lent] = folder


def give_back() -> None:
    """Removes what was unpacked."""
    _unpacked.clear()
    _held.close()


def _files(folder: Path) -> list[Path]:
    """Of the folder itself, links followed; checkpoints in folders below are nobody's business."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")


def _listed(folder: Path) -> Iterator[str]:
    for path in _files(folder):
        size = path.stat().st_size
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for start in (0, max(0, size // 2 - SAMPLE // 2), max(0, size - SAMPLE)):
                file.seek(start)
                digest.update(file.read(SAMPLE))
        yield f"{path.name} {size} {digest.hexdigest()[:16]}"
