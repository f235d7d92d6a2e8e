"""Reads mutated files, one after the other, and says which of them were not taken as they should.

Run as a program of its own: memory is limited, and a reader that hangs in native code is killed by
whoever started this. Standard output gets a line of JSON before and after each mutation.
"""

import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from pathlib import Path
from types import FrameType

from transformers import AutoTokenizer

from sif.errors import SifError
from tests.fuzz.mutation import mutated
from tests.fuzz.readers import KINDS, READERS, Reader, copied

SECONDS = 5.0
BYTES = 1 << 30


class Hang(BaseException):
    """A reader takes too long."""


def main(corpus: Path, seed: int, total: dict[str, int], skip: int) -> None:
    """Reads so many mutations by reader, all but the first `skip` of them."""
    warnings.simplefilter("ignore")
    assert AutoTokenizer  # imported now, and not while a mutation is timed
    signal.signal(signal.SIGPROF, _hang)
    number = 0
    for reader in READERS:
        with tempfile.TemporaryDirectory() as room:
            folder = copied(corpus, reader, Path(room))
            targets = reader.targets(corpus)
            assert targets, f"{reader.name}: nothing to mutate"
            if number >= skip and total.get(reader.name):
                first = targets[0].relative_to(corpus / reader.folder)
                reader.read(folder, folder / first)  # what is not mutated is read
            for at in range(total.get(reader.name, 0)):
                number += 1
                if number > skip:
                    _try(reader, corpus, folder, targets, f"{seed} {reader.name} {at}", number)


def _try(
    reader: Reader, corpus: Path, folder: Path, targets: list[Path], name: str, number: int
) -> None:
    draw = random.Random(zlib.crc32(name.encode()))
    target = draw.choice(targets)
    file = folder / target.relative_to(corpus / reader.folder)
    data = mutated(target.read_bytes(), draw, KINDS.get(target.suffix, "bytes"))
    print(json.dumps({"number": number, "name": name, "file": target.name}), flush=True)
    file.write_bytes(data)
    found: dict[str, object] = {"number": number, "reader": reader.name}
    start = time.monotonic()
    try:
        _limited(reader, folder, file)
    except SifError as error:
        found["said"] = str(error)[:2000]
    except (Exception, Hang) as error:
        found["failure"] = f"{type(error).__name__}: {str(error)[:300]}"
        found["trace"] = traceback.format_exc()[-3000:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    found["seconds"] = time.monotonic() - start
    shutil.copy(target, file)
    for left in file.parent.glob(f"{file.name}-*"):  # of a database
        left.unlink()
    print(json.dumps(found), flush=True)


def _limited(reader: Reader, folder: Path, file: Path) -> None:
    """Reads with so much of the processor's time, and so much more memory than there is.

    What waits for ever is seen by whoever started this.
    """
    with Path("/proc/self/statm").open() as status:
        now = int(status.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + BYTES, before[1]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        reader.read(folder, file)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _hang(number: int, frame: FrameType | None) -> None:
    raise Hang(f"more than {SECONDS:g} seconds")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4]))
