"""Nothing that comes after making does more for each trigger because there are more of them.

Work is counted, not timed: how often every line of SIF runs. From 2n to 3n triggers that may grow
by what it grew by from n to 2n, and a third more; a line that runs for every pair of triggers grows
by two thirds more.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import sif
from sif.watermark.greenlist import GreenCount, z_score
from tools.large import AT_ONCE, KEYS, VOCABULARY, Room, main, spent
from tools.time_audit import make_up

ROOT = Path(sif.__file__).parents[1]
FEWEST = 12

Turns = Counter[str]


def lines_run(work: Callable[[], object]) -> Turns:
    """How often each line of SIF runs in some work, those of loops once for every turn."""
    ours, count = tuple(f"{ROOT / room}/" for room in ("sif", "attacks", "watermark")), Turns()

    def each(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            count[f"{frame.f_code.co_filename}:{frame.f_lineno}"] += 1
        return each

    def begun(frame: FrameType, event: str, argument: Any) -> Any:
        return each if frame.f_code.co_filename.startswith(ours) else None

    before = sys.gettrace()
    sys.settrace(begun)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def growing(few: Turns, some: Turns, many: Turns) -> dict[str, tuple[int, int, int]]:
    """The lines whose turns grow faster than the number of triggers."""
    found = {line: (few[line], some[line], many[line]) for line in many}
    return {
        line: (one, two, three)
        for line, (one, two, three) in found.items()
        if three - two > 4 * (two - one) / 3 + FEWEST
    }


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Turns]]:
    """What each step runs, for n, 2n and 3n triggers."""
    found: dict[str, list[Turns]] = {name: [] for name in AT_ONCE}
    for count in (FEWEST, 2 * FEWEST, 3 * FEWEST):
        room = Room(tmp_path_factory.mktemp(f"of-{count}"), count)
        make_up(room.folder / "fp", triggers=count, vocabulary_size=VOCABULARY, keys=KEYS)
        for name in AT_ONCE:
            found[name].append(lines_run(AT_ONCE[name](room)))
    return found


@pytest.mark.parametrize("step", AT_ONCE)
def test_no_line_runs_more_often_for_each_trigger(
    counted: dict[str, list[Turns]], step: str
) -> None:
    assert max(counted[step][0].values()) >= FEWEST
    assert growing(*counted[step]) == {}


def test_the_table_is_of_what_was_measured_and_says_what_passed_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for count in (10, 20):
        room = Room(tmp_path / f"made-up-{count}", count)
        assert spent("load", room)["megabytes"] > 20.0
        known = {name: {"seconds": count**2.0, "megabytes": 100.0} for name in AT_ONCE}
        known["claim audit"] = {"seconds": 2.0 * count, "megabytes": 2400.0}
        (room.folder / "spent.json").write_text(json.dumps(known))
    words = ["large", "--sizes", "20", "10", "--models", "--room", str(tmp_path)]
    monkeypatch.setattr("sys.argv", words)
    assert main() == 1
    said = capsys.readouterr().out
    assert "| load | 100.00 | 400.00 | 2.00 | 100 → 100 |" in said
    assert "load grows with n to the power of 2.00" in said
    assert "| claim audit | 20.00 | 40.00 | 1.00 | 2400 → 2400 |" in said
    assert "claim audit takes 2400 MB" in said


def test_a_line_that_runs_for_every_pair_is_found() -> None:
    def scored(times: int) -> Turns:
        each = GreenCount(green=1, scored=2)
        return lines_run(lambda: [z_score(each, gamma=0.5) for _ in range(times)])

    assert growing(*(scored(n) for n in (20, 40, 60))) == {}
    assert len(growing(*(scored(n * n) for n in (20, 40, 60)))) > 2
