"""No file from outside brings a reader down: it is read, or refused in words, soon and in little
memory.
"""

import json
import queue
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.corpus import build_corpus
from tests.fuzz.readers import READERS, shares

ROOT = Path(__file__).parents[2]
FEW, MANY = 100, 20_000
PATIENCE = 240.0
"""Seconds without a word, after which a child hangs in native code; its own limits are shorter."""


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    build_corpus(folder)
    return folder


class Child:
    """A process that reads mutations; another takes its place where it dies."""

    def __init__(self, corpus: Path, seed: int, total: dict[str, int], skip: int) -> None:
        self._said: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.fuzz.child",
                corpus,
                str(seed),
                json.dumps(total),
                str(skip),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._errors: list[str] = []
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._listen, self._overhear)
        ]
        for thread in self._threads:
            thread.start()

    def line(self) -> dict[str, Any] | None:
        """What it says next; None at its end.

        Raises:
            queue.Empty: it says nothing for too long.
        """
        text = self._said.get(timeout=PATIENCE)
        return None if text is None else json.loads(text)

    def end(self, *, kill: bool) -> tuple[int, str]:
        """Waits for its end, or ends it; its code and last words."""
        if kill:
            self.process.kill()
        code = self.process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code, "".join(self._errors)[-3000:]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                self._said.put(line)
        self.process.wait()
        self._said.put(None)

    def _overhear(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._errors = [*self._errors[-200:], line]


def failures(corpus: Path, seed: int, count: int) -> tuple[list[dict[str, Any]], Counter[str]]:
    """What was not taken as it should, and how many mutations were read or refused."""
    total = {reader.name: number for reader, number in shares(count)}
    found: list[dict[str, Any]] = []
    ends: Counter[str] = Counter()
    begun: dict[str, Any] = {"number": 0}
    while True:
        child = Child(corpus, seed, total, int(begun["number"]))
        before = begun
        try:
            while (line := child.line()) is not None:
                if "name" in line:
                    begun = line
                    continue
                ends[next((end for end in ("said", "failure") if end in line), "read")] += 1
                if "failure" in line:
                    found.append(begun | line)
            code, words = child.end(kill=False)
        except queue.Empty:
            code, words = child.end(kill=True)
            words = f"hangs: {words}"
        if code == 0:
            return found, ends
        assert begun is not before, words  # it does not get anywhere
        found.append(begun | {"failure": f"ends with {code}", "trace": words})


def told(found: list[dict[str, Any]]) -> str:
    """The failures, each kind once."""
    kinds = {str(one["trace"])[-400:]: one for one in reversed(found)}
    return "\n\n".join(
        f"{one.get('name')} ({one.get('file')}): {one['failure']}\n{one['trace']}"
        for one in [*kinds.values()][:12]
    )


@pytest.mark.parametrize(
    ("seed", "count"),
    [
        pytest.param(18, FEW, id=f"{FEW}"),
        pytest.param(1818, MANY, id=f"{MANY}", marks=pytest.mark.slow),
    ],
)
def test_mutations_are_read_or_refused_in_words(corpus: Path, seed: int, count: int) -> None:
    found, ends = failures(corpus, seed=seed, count=count)
    assert not found, f"{len(found)} of {ends.total()}\n{told(found)}"
    assert ends.total() == sum(number for _, number in shares(count))
    assert ends["said"] > ends.total() // 3


def test_every_kind_of_file_is_mutated(corpus: Path) -> None:
    for reader in READERS:
        assert reader.targets(corpus), reader.name
