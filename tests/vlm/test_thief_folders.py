"""Folders of thieves: asked, or refused in one sentence, in time and within memory.

Whoever fingerprints, asks or examines a folder goes through `examine_model` or `connect`; the long
tier goes through all mutations of both families, the fast one through a few.
"""

import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from sif.cli.doctor_model import examine_model
from sif.errors import ModelError, SifError
from sif.suspects.connect import connect
from sif.types import Answer, Unanswered
from tests.suspects.questions import questions
from tests.vlm.mutations import copied, mutations

# Libraries wonder aloud at such folders, and some that only these ask for are old.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
SECONDS = 60
GREATEST_GROWTH = 2**19  # KiB
MOST_ADDRESSES = 2**32
PARTS = 10
EVERY = 150


@pytest.fixture(autouse=True)
def no_giants() -> Iterator[None]:
    """More memory than this is an error of the folder that asks for it, not the machine's end."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_ADDRESSES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"still at it after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def asked(folder: Path) -> None:
    (reply,) = connect(f"hf:{folder}?device=cpu").ask(questions(1, max_new_tokens=2))
    assert isinstance(reply, Answer | Unanswered)
    if isinstance(reply, Unanswered):
        assert reply.reason.isprintable()
        assert len(reply.reason) < 900


def examined(folder: Path) -> None:
    """As `sif doctor` does it, and whoever makes triggers before all else."""
    report = examine_model(str(folder), device="cpu")
    if report.reason is not None:
        raise ModelError(report.reason)


def one_sentence(folder: Path) -> None:
    for what in (asked, examined):
        signal.alarm(SECONDS)
        try:
            what(folder)
        except SifError as error:
            said = str(error)
            assert said.isprintable(), said
            assert len(said) < 1200, said
        signal.alarm(0)


def most_memory() -> int:
    """In KiB, of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def try_all(base: Path, tmp_path: Path, names: list[str]) -> None:
    table, faults = mutations(), {}
    for name in names:
        folder = copied(base, tmp_path / "copy")
        table[name](folder)
        before = most_memory()
        try:
            one_sentence(folder)
        except Exception as error:
            faults[name] = repr(error)[:300]
        if (grown := most_memory() - before) > GREATEST_GROWTH:
            faults[name] = f"{grown >> 10} MiB"
    assert faults == {}


def test_some_folders_of_thieves(untrained_llava: Path, tmp_path: Path) -> None:
    try_all(untrained_llava, tmp_path, sorted(mutations())[7::EVERY])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("family", ["untrained_llava", "untrained_qwen"])
def test_all_folders_of_thieves(
    family: str, part: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    try_all(request.getfixturevalue(family), tmp_path, sorted(mutations())[part::PARTS])
