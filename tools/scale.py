"""How much faster two workers make a fingerprint than one, and whether the files are the same.

`python tools/scale.py` makes 24 triggers of a bundled mini model on a Ray cluster of this machine,
with one worker of one thread and with two, and prints both times. `--jobs 1,2,4`, `--place
processes` and `--steps` change that. Give it a machine that does nothing else; its times hold the
start of the cluster, the loading of models and the weighing of words.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from sif.watermark.keys import KeyRing

MODEL: Final = "llava-source"
PICTURES: Final = 424


class Timed(NamedTuple):
    """Seconds of a making, and a digest of all its files."""

    jobs: int
    seconds: float
    digest: str


def main() -> None:
    """Makes the fingerprint with each number of workers and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", default="1,2", help="numbers of workers, with commas")
    parser.add_argument("--place", choices=("ray", "processes"), default="ray")
    parser.add_argument("--triggers", type=int, default=24)
    parser.add_argument("--batch", type=int, default=4, help="lots should divide evenly")
    parser.add_argument("--steps", type=int, default=80)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sif-scale-") as name:
        room = Path(name)
        _sif(room, "zoo", "export", MODEL, "model")
        _sif(room, "zoo", "scenes", MODEL, "photos", "-n", str(PICTURES), "--seed", "1")
        KeyRing(bytes(range(32))).save(room / "my.key")
        found = [_timed(room, int(jobs), asked) for jobs in asked.jobs.split(",")]
    first = found[0]
    for one in found:
        same = "the same files" if one.digest == first.digest else "OTHER FILES"
        print(
            f"{one.jobs} workers ({asked.place}): {one.seconds:.0f} s, "
            f"{first.seconds / one.seconds:.2f} x as fast as {first.jobs}, {same}"
        )
    if any(one.digest != first.digest for one in found):
        raise SystemExit(1)


def _timed(room: Path, jobs: int, asked: argparse.Namespace) -> Timed:
    out = room / f"fp-{jobs}"
    place = ["--ray", "local"] if asked.place == "ray" else []
    began = time.monotonic()
    _sif(
        room,
        *("fingerprint", "model", "--images", "photos", "--secret", "my.key", "--device", "cpu"),
        *("-n", str(asked.triggers), "--batch", str(asked.batch), "--steps", str(asked.steps)),
        *("--out", str(out), "--jobs", str(jobs), "--threads", "1", *place),
    )
    return Timed(jobs, time.monotonic() - began, _digest(out))


def _sif(room: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "sif.cli.main", *arguments], cwd=room, check=True)


def _digest(folder: Path) -> str:
    """Of all files, of the manifest without its date."""
    whole = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.name == "manifest.json":
            data = json.dumps(json.loads(data) | {"created": ""}).encode()
        whole.update(str(path.relative_to(folder)).encode() + b"\0" + sha256(data).digest())
    return whole.hexdigest()


if __name__ == "__main__":
    main()
