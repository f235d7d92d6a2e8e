"""The whole benchmark in little, on a bundled model: kept, resumed, killed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sif.errors import UsageError
from sif.eval.attacks import suspects
from sif.eval.attacks.bench import LINES, ROWS, AttackBench, Attacked, run_attacks
from sif.eval.attacks.grid import chosen_attacks
from sif.eval.attacks.rows import AttackLine
from sif.eval.triggers import asking
from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.types import Query, Reply, Suspect
from tests.kill_9 import begin, kill_once_there_is

ATTACKS = (
    *("drop-layers:1", "lora-questions:20", "jpeg:75", "synonyms:1@mini-world", "case:1"),
    *("temperature:0.7", "divergence-stranger:0.2", "disturbed:1"),
)
FEW = ("drop-layers:1", "jpeg:75", "case:1")
LITTLE = AttackBench(
    out=Path("nowhere"),
    attacks=chosen_attacks(ATTACKS, ()),
    families=("llava",),
    method="sif@steps=2",
    triggers=2,
    sets=1,
    scenes=4,
)
COMMAND = (
    *("bench", "attacks"),
    *("--families", "llava", "--method", "sif@steps=2", "-n", "2", "--sets", "1"),
    *("--scenes", "4", "--jobs", "2"),
    *(part for name in FEW for part in ("--attack", name)),
)


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Attacked]:
    out = tmp_path_factory.mktemp("whole")
    return out, run_attacks(replace(LITTLE, out=out), show=_ignore)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many questions models really get, batch by batch."""
    numbers: list[int] = []

    def connect_and_count(uri: str) -> Suspect:
        suspect = connect(uri)
        ask = suspect.ask

        def ask_and_count(queries: Sequence[Query]) -> list[Reply]:
            numbers.append(len(queries))
            return ask(queries)

        suspect.ask = ask_and_count  # type: ignore[method-assign]
        return suspect

    for module in (asking, suspects):
        monkeypatch.setattr(module, "connect", connect_and_count)
    return numbers


@pytest.mark.slow
def test_every_kind_of_attack_gives_rows_and_a_line(whole: tuple[Path, Attacked]) -> None:
    out, (cells, lines) = whole
    source = {line.attack: line for line in lines if line.suspect == "source"}
    texts = ["none", *(one.name for one in LITTLE.attacks)]
    assert list(source) == list(dict.fromkeys(texts))
    assert {line.suspect for line in lines} == {"source", "sibling-c", "stranger-b"}
    innocent = [line for line in lines if line.role == "innocent"]
    assert {line.attack for line in innocent} == {
        *("none", "jpeg", "synonyms@mini-world", "case", "temperature")
    }
    assert all(line.utility is None and not line.derived for line in innocent)
    marked = [cell for cell in cells if cell.asked == "trigger"]
    assert len(marked) == 2 * len(lines)
    assert len([cell for cell in cells if cell.asked == "benign"]) == 4 * len(
        [line for line in lines if line.suspect == "source"]
    )
    assert {cell.attack for cell in cells if cell.asked == "job"} == {"lora-questions"}
    assert source["none"].slowdown == pytest.approx(1)
    assert source["none"].facts == 1
    assert (source["drop-layers"].facts or 0) < 1
    assert source["synonyms@mini-world"].facts == 1
    stolen = {line.attack for line in lines if line.theft_seconds}
    assert stolen == {"drop-layers", "lora-questions", "disturbed"}
    assert {line.attack for line in lines if line.models == 2} == {"divergence-stranger"}
    for name, rows in ((ROWS, cells), (LINES, lines)):
        assert pq.read_table(out / name).num_rows == len(rows)


@pytest.mark.slow
def test_started_again_it_asks_nothing_and_finds_the_same(
    whole: tuple[Path, Attacked], asked: list[int]
) -> None:
    out, found = whole
    assert run_attacks(replace(LITTLE, out=out), show=_ignore) == found
    assert asked == []


@pytest.mark.slow
def test_after_kill_9_it_goes_on_where_it_was(
    whole: tuple[Path, Attacked], tmp_path: Path, asked: list[int]
) -> None:
    out = tmp_path / "killed"
    begun = begin(*COMMAND, "--out", out)
    kill_once_there_is(out / "llava" / "prices" / "drop-layers-1.json", begun)
    assert not (out / ROWS).exists()
    kept = _answers(out)
    assert kept > 0
    few = chosen_attacks(FEW, ())
    found = run_attacks(replace(LITTLE, out=out, attacks=few), show=_ignore)
    assert sum(asked) == _answers(out) - kept > 0
    names = {"none", *(one.name for one in few)}
    assert found.cells == [cell for cell in whole[1].cells if cell.attack in names]
    assert [_without_cost(line) for line in found.lines] == [
        _without_cost(line) for line in whole[1].lines if line.attack in names
    ]


def _answers(out: Path) -> int:
    """In all journals."""
    total = 0
    for path in (out / "llava" / "answers").glob("*.sqlite"):
        with Journal(path) as journal:
            total += len(journal.answers())
    return total


def _without_cost(line: AttackLine) -> AttackLine:
    return line.model_copy(update={"theft_seconds": None, "slowdown": None})


def test_what_cannot_be_run_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    plan = replace(LITTLE, out=tmp_path / "bench")
    for changes, words in (
        ({"attacks": ()}, "at least one attack"),
        ({"sets": 0}, "at least one"),
        ({"jobs": 0}, "at least one"),
        ({"method": "magic"}, "magic"),
        ({"method": "pla"}, "green lists, got pla"),
    ):
        with pytest.raises(UsageError, match=words):
            run_attacks(replace(plan, **changes), show=_ignore)
    assert not (tmp_path / "bench").exists()
