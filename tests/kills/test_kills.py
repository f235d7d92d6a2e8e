"""kill -9 at any moment, and the same command again: nothing lost, nothing half, nothing left.

Every command that keeps state is killed at random times of its life, and just before random changes
to its files, where a half-written file would come from. `pytest -m long tests/kills` kills each
command SIF_KILLS times (10 where it is not set), 230 in all.
"""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.kills.cases import CASES, Case
from tests.kills.contents import contents, files, rows
from tests.kills.made import Made, making
from tests.kills.warm import Outcome

KILLS = int(os.environ.get("SIF_KILLS", "10"))
FEW = ("verify-committed", "claim-secret", "zoo-scenes", "metav-train")


class Whole(NamedTuple):
    """What a command leaves that nobody disturbs."""

    outcome: Outcome
    contents: dict[str, Any]


class Kept(NamedTuple):
    """What was there when a command was killed: rows of journals, and times of files."""

    rows: dict[str, set[tuple[Any, ...]]]
    written: dict[str, int]


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, untrained_llava: Path, untrained_qwen: Path
) -> Iterator[Made]:
    with making(tmp_path_factory.mktemp("kills") / "made", untrained_llava, untrained_qwen) as all_:
        yield all_


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.name in FEW], ids=lambda c: c.name)
def test_a_killed_command_goes_on(case: Case, made: Made, tmp_path: Path) -> None:
    _kill_often(case, made, tmp_path / "room", kills=2)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_kill_loses_anything(case: Case, made: Made, tmp_path: Path) -> None:
    _kill_often(case, made, tmp_path / "room", kills=KILLS)


def _kill_often(case: Case, made: Made, room: Path, *, kills: int) -> None:
    whole = _whole(case, made, room)
    rng = random.Random(case.name)
    for number in range(kills):
        if number % 2:
            moment: dict[str, Any] = {"seconds": rng.uniform(0, whole.outcome.seconds)}
        else:
            moment = {"change": rng.randint(1, whole.outcome.changes or 1)}
        try:
            _kill(case, made, room, whole, **moment)
        except AssertionError as error:
            error.add_note(f"killed at {moment}, of {whole.outcome.seconds:.2f} seconds")
            raise


def _whole(case: Case, made: Made, room: Path) -> Whole:
    case.prepare(made, room)
    outcome = made.warm.run(case.command(made), room)
    assert outcome.status == 0, outcome.said
    found = Whole(outcome, contents(room))
    assert _temporary(made) == []
    shutil.rmtree(room)
    return found


def _kill(case: Case, made: Made, room: Path, whole: Whole, **moment: Any) -> None:
    case.prepare(made, room)
    made.warm.run(case.command(made), room, **moment)
    before = _kept(case, room)
    again = made.warm.run(case.command(made), room)
    if case.refuses and case.refuses in again.said:
        assert again.status in (1, 2)
    else:
        assert again.status == 0, again.said
    after = contents(room)
    assert after.keys() == whole.contents.keys()
    for name, content in after.items():
        if not case.is_drawn(name):
            assert content == whole.contents[name], f"another {name}"
    _assert_nothing_was_lost(before, _kept(case, room))
    assert _temporary(made) == []
    shutil.rmtree(room)


def _assert_nothing_was_lost(before: Kept, after: Kept) -> None:
    for name, known in before.rows.items():
        assert known <= after.rows[name], f"rows of {name} are gone or were written again"
    for name, written in before.written.items():
        assert after.written[name] == written, f"{name} was written again"


def _kept(case: Case, room: Path) -> Kept:
    there = {str(path.relative_to(room)): path for path in files(room)}
    return Kept(
        {name: rows(path, clocks=True) for name, path in there.items() if name.endswith(".sqlite")},
        {name: path.stat().st_mtime_ns for name, path in there.items() if case.is_kept(name)},
    )


def _temporary(made: Made) -> list[str]:
    """What lies about in the folder of temporary files."""
    return sorted(path.name for path in made.warm.temporary.iterdir())
