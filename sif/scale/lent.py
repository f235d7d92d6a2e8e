"""What somebody needs of the asker's disk, a folder or a file: as it lies there too, or unpacked.

A part names it; its worker looks whether the same files lie under that path where it runs.
Where they do not, it says so, is sent them, and keeps them in a temporary folder as long as it
lives. Knows nothing of models.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sif.files import is_there
from sif.scratch import scratch

PIECE: Final = 1 << 26
"""Bytes of a file that travel together."""
SAMPLE: Final = 1 << 16


class NotHereError(Exception):
    """A folder or file is needed that does not lie here.

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
        source: the path of a folder or file, or the name of something that is everywhere.
        files: names and sizes with samples of their content; none of a mere name.
        alone: whether it is a file.
    """

    source: str
    files: tuple[str, ...] = field(default=(), repr=False)
    alone: bool = field(default=False, repr=False)

    @classmethod
    def of(cls, source: str) -> "Lent":
        """A folder with the files in it, a file, or the name as it is."""
        path = Path(source).expanduser()
        if not is_there(path) or not (path.is_dir() or path.is_file()):
            return cls(source)
        return cls(str(path.absolute()), tuple(_listed(path)), path.is_file())

    def place(self) -> str:
        """Where it lies for whoever calls this.

        Raises:
            NotHereError: nowhere yet.
        """
        if not self.files:
            return self.source
        if self in _unpacked:
            return str(_unpacked[self])
        path = Path(self.source)
        alike = path.is_file() if self.alone else path.is_dir()
        if alike and tuple(_listed(path)) == self.files:
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
    room = _held.enter_context(scratch("lent"))
    whole = room / Path(lent.source).name
    folder = room if lent.alone else whole
    folder.mkdir(exist_ok=True)
    for name, piece in pieces:
        with (folder / Path(name).name).open("ab") as file:
            file.write(piece)
    _unpacked[lent] = whole


def give_back() -> None:
    """Removes what was unpacked."""
    _unpacked.clear()
    _held.close()


def _files(place: Path) -> list[Path]:
    """Of a folder itself, links followed; checkpoints in folders below are nobody's business."""
    if place.is_file():
        return [place]
    return sorted(path for path in place.iterdir() if path.is_file() and path.name[0] != ".")


def _listed(place: Path) -> Iterator[str]:
    for path in _files(place):
        size = path.stat().st_size
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for start in (0, max(0, size // 2 - SAMPLE // 2), max(0, size - SAMPLE)):
                file.seek(start)
                digest.update(file.read(SAMPLE))
        yield f"{path.name} {size} {digest.hexdigest()[:16]}"
