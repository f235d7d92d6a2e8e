"""The benchmark of attacks on answers: its table, and the whole in little."""

from pathlib import Path
from typing import Any

import pytest

from sif.attacks.answers import parse_answer_attacks
from sif.errors import UsageError
from sif.eval.attacks.answers import ANSWER_ATTACKS, AnswerBench, AnswerCell, as_table, run_answers
from tests.eval.triggers.rows import cell


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


def _row(attack: str, **changes: Any) -> AnswerCell:
    own = {"words": 30, "facts": 1.0}
    own |= {name: changes.pop(name) for name in list(changes) if name in own}
    return AnswerCell(**cell(**changes).model_dump(), answer_attack=attack, **own)


def test_the_grid_can_be_read() -> None:
    assert len(set(ANSWER_ATTACKS)) == len(ANSWER_ATTACKS)
    for text in ANSWER_ATTACKS:
        parse_answer_attacks(text)


def test_unanswered_triggers_count_as_asked_and_as_wrong() -> None:
    plain = [_row("none", green=30, scored=32) for _ in range(4)]
    silent = [
        *[_row("withhold:0.5", green=30, scored=32) for _ in range(2)],
        *[
            _row("withhold:0.5", answered=False, green=None, scored=None, words=None, facts=0.0)
            for _ in range(2)
        ],
    ]
    (_, _, first, second) = as_table([*plain, *silent]).splitlines()
    assert "| 100% |" in first
    assert "| 50% | 30.0 |" in second
    evidence = [float(line.split("|")[4]) for line in (first, second)]
    assert 0 < evidence[1] < 0.6 * evidence[0]


def test_an_unknown_attack_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="truncate"):
        run_answers(AnswerBench(out=tmp_path / "bench", attacks=("flip",)), show=_ignore)
    assert not (tmp_path / "bench").exists()


@pytest.mark.slow
def test_the_whole_in_little_and_again(tmp_path: Path) -> None:
    attacks = ("none", "truncate:0.5", "withhold:1", "gumbel:4+drop:0.5")
    bench = AnswerBench(out=tmp_path, method="sif@steps=2", triggers=2, attacks=attacks)
    rows = run_answers(bench, show=_ignore)
    assert [row.answer_attack for row in rows] == [text for text in attacks for _ in range(2)]
    assert [row.answered for row in rows] == [True] * 4 + [False] * 2 + [True] * 2
    assert rows[2].words == round(0.5 * (rows[0].words or 0))
    assert run_answers(bench, show=_ignore) == rows
