"""The whole benchmark in little, on a bundled model: kept, resumed, killed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from sif.errors import UsageError
from sif.eval.attacks.lines import AttackLine
from sif.eval.attacks.study import STUDY, AttackSettings, Results, attack
from sif.eval.study import Workplace, run_study
from sif.eval.triggers import mini_roster
from sif.suspects.connect import connect
from sif.suspects.kept import KeptAnswers
from sif.types import Query, Reply, Suspect
from tests.kill_9 import begin, kill_once_there_is

ATTACKS = (
    *("drop-layers:1", "lora-questions:20", "jpeg:75", "synonyms:1@mini-world", "case:1"),
    *("temperature:0.7", "divergence-stranger:0.2", "disturbed:1"),
)
FEW = ("drop-layers:1", "jpeg:75", "case:1")
LITTLE = AttackSettings(
    attack=ATTACKS,
    families=("llava",),
    method="sif@steps=2",
    triggers=2,
    sets=1,
    scenes=4,
)
COMMAND = (
    *("bench", "attacks"),
    *("--set", "families=llava", "--set", "method=sif@steps=2", "--set", "triggers=2"),
    *("--set", "sets=1", "--set", "scenes=4", "--set", f"attack={','.join(FEW)}", "--jobs", "2"),
)


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


def _run(out: Path, settings: AttackSettings = LITTLE) -> Results:
    return attack(settings, Workplace(out=out, show=_ignore))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    out = tmp_path_factory.mktemp("whole")
    return out, _run(out)


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

    monkeypatch.setattr(mini_roster, "connect", connect_and_count)
    return numbers


@pytest.mark.slow
def test_every_kind_of_attack_gives_rows_and_a_line(whole: tuple[Path, Results]) -> None:
    _, (cells, lines) = whole
    source = {line.attack: line for line in lines if line.suspect == "source"}
    texts = ["none", *(one.name for one in LITTLE.attacks())]
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


@pytest.mark.slow
def test_started_again_it_asks_nothing_and_finds_the_same(
    whole: tuple[Path, Results], asked: list[int]
) -> None:
    out, found = whole
    assert _run(out) == found
    assert asked == []
    words = "Written by `sif bench attacks`; run it again to go on.\n"
    (out / "study.txt").write_text(words)
    run_study(STUDY, LITTLE, Workplace(out=out, show=_ignore))
    for name, rows in (("attacks", found.cells), ("attacks-lines", found.lines)):
        assert pq.read_table(out / f"{name}.parquet").num_rows == len(rows)


@pytest.mark.slow
def test_after_kill_9_it_goes_on_where_it_was(
    whole: tuple[Path, Results], tmp_path: Path, asked: list[int]
) -> None:
    out = tmp_path / "killed"
    begun = begin(*COMMAND, "--out", out)
    kill_once_there_is(out / "llava" / "prices" / "drop-layers-1.json", begun)
    assert not (out / "attacks.parquet").exists()
    kept = _answers(out)
    assert kept > 0
    few = LITTLE.model_copy(update={"attack": FEW})
    found = _run(out, few)
    assert sum(asked) == _answers(out) - kept > 0
    names = {"none", *(one.name for one in few.attacks())}
    assert found.cells == [cell for cell in whole[1].cells if cell.attack in names]
    assert [_without_cost(line) for line in found.lines] == [
        _without_cost(line) for line in whole[1].lines if line.attack in names
    ]


def _answers(out: Path) -> int:
    """In all journals."""
    total = 0
    for path in (out / "llava" / "answers").glob("*.sqlite"):
        with KeptAnswers(path) as kept:
            total += len(kept.answers())
    return total


def _without_cost(line: AttackLine) -> AttackLine:
    return line.model_copy(update={"theft_seconds": None, "slowdown": None})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attack": ("flip",)}, "flip"),
        ({"answer_attack": ("flip",)}, "truncate"),
        ({"method": "magic"}, "magic"),
        ({"method": "pla"}, "green lists, .*got pla"),
    ],
)
def test_what_cannot_be_done_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        AttackSettings(**changes)


@pytest.mark.parametrize("changes", [{"families": ()}, {"sets": 0}, {"triggers": 1}])
def test_too_little_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AttackSettings(**changes)


@pytest.mark.slow
def test_attacks_on_answers_in_little_and_again(tmp_path: Path) -> None:
    texts = ("truncate:0.5", "withhold:1", "gumbel:4+drop:0.5")
    some = AttackSettings(
        answer_attack=texts, families=("llava",), method="sif@steps=2", triggers=2, sets=1, scenes=2
    )
    found = _run(tmp_path, some)
    rows = [c for c in found.cells if (c.suspect, c.asked) == ("source", "trigger")]
    assert [row.answered for row in rows] == [True] * 4 + [False] * 2 + [True] * 2
    assert rows[2].words == round(0.5 * (rows[0].words or 0))
    assert _run(tmp_path, some) == found
