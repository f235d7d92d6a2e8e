"""How long making takes here and at another revision: the same command by both, in turn.

`python -m tools.speed REVISION` takes some minutes. The other revision is checked out into a
temporary folder and runs in this Python. What counts is processor time of the whole command, on
one thread, the first pair left out; a ratio is taken within each pair, so that a machine that slows
down slows down both.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).parents[1]
MODELS: Final = ("llava-source", "qwen-source")
RECIPES: Final = ("sif", "sif-recoded", "sif-release")
SCENES: Final = 300


def main() -> None:
    """Prints a row for each model and recipe, as a table in Markdown."""
    parser = argparse.ArgumentParser(description="How long making takes here and there, in turn.")
    parser.add_argument("revision", help="to compare with, in git's words")
    parser.add_argument("--pairs", type=int, default=3, help="counted ones (default 3)")
    parser.add_argument("--triggers", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    asked = parser.parse_args()
    size = ["-n", str(asked.triggers), "--steps", str(asked.steps)]
    print(f"{asked.triggers} triggers x {asked.steps} steps, {SCENES} pictures; processor seconds")
    print("\n| model | recipe | there | here | here / there |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        with checkout(asked.revision, room / "there") as there:
            for model in MODELS:
                prepare(model, room)
                for recipe in RECIPES:
                    command = [*making(model, recipe), *size]
                    pairs = in_turn(command, (there, ROOT), room, number=asked.pairs)
                    print(f"| {model} | {recipe} | {row(pairs)} |", flush=True)


def making(model: str, recipe: str) -> list[str]:
    """The command that makes a fingerprint, but for its folder."""
    return ["fingerprint", model, "--images", f"{model}-scenes", "--recipe", recipe]


def in_turn(
    command: list[str], trees: tuple[Path, Path], room: Path, *, number: int
) -> list[tuple[float, float]]:
    """Seconds by the one and the other tree, so many times, after a pair that is not counted."""
    pairs = []
    for _ in range(number + 1):
        seconds = []
        for tree in trees:
            seconds.append(spent(tree, [*command, "--out", "made"], room))
            shutil.rmtree(room / "made")
        pairs.append((seconds[0], seconds[1]))
    return pairs[1:]


def row(pairs: list[tuple[float, float]]) -> str:
    """Medians, and the ratio within each pair."""
    there, here = zip(*pairs, strict=True)
    ratios = ", ".join(f"{new / old:.2f}" for old, new in pairs)
    return f"{median(there):.1f} | {median(here):.1f} | {ratios}"


@contextmanager
def checkout(revision: str, place: Path) -> Iterator[Path]:
    """The tree of a revision, for as long as it is needed."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(place), revision], check=True)
    try:
        yield place
    finally:
        subprocess.run([*git, "remove", "--force", str(place)], check=True)


def prepare(model: str, room: Path) -> None:
    """Writes a bundled model and its world's pictures."""
    spent(ROOT, ["zoo", "export", model, model], room)
    spent(ROOT, ["zoo", "scenes", model, f"{model}-scenes", "-n", str(SCENES), "--seed", "1"], room)


def spent(tree: Path, words: list[str], room: Path) -> float:
    """Seconds of processor that a command of that tree takes.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "sif.cli.main", *words],
        cwd=room,
        env={**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
