"""What intervals decide: a count that changes flips the word."""

import pytest

from sif.eval.paper.judgement import Measured, difference, judge_row, within

FIGURES = {"PLA": 0.40, "ProFLingo": 0.43, "SIF": 0.49}


def _word(**cells: Measured | str) -> str:
    return judge_row(FIGURES, cells, leads="SIF").word


def test_an_order_that_is_shown_is_reproduced_and_a_changed_count_flips_it() -> None:
    assert _word(SIF=Measured(22, 24), PLA=Measured(12, 24)) == "reproduced"
    assert _word(SIF=Measured(12, 24), PLA=Measured(22, 24)) == "differs"
    assert _word(SIF=Measured(14, 24), PLA=Measured(12, 24)) == "not here"


def test_a_difference_shown_to_be_smaller_than_published_differs() -> None:
    wide = {"PLA": 0.14, "SIF": 0.72}
    found = judge_row(wide, {"SIF": Measured(23, 24), "PLA": Measured(22, 24)}, leads="SIF")
    assert found.word == "differs"
    assert "not shown to be above PLA, and by less" in found.reason
    assert "+0.58" in found.reason


def test_one_reversed_order_outweighs_others_that_hold() -> None:
    found = _word(SIF=Measured(15, 24), PLA=Measured(1, 24), ProFLingo=Measured(24, 24))
    assert found == "differs"


def test_what_was_not_measured_is_said_and_decides_nothing() -> None:
    cells: dict[str, Measured | str] = {
        "SIF": Measured(24, 24),
        "PLA": Measured(0, 24),
        "ProFLingo": "no such method",
    }
    found = judge_row(FIGURES, cells, leads="SIF")
    assert found.word == "reproduced"
    assert "ProFLingo not measured" in found.reason
    assert _word(PLA=Measured(0, 24)) == "not here"


def test_without_any_rival_the_published_figure_alone_is_looked_for() -> None:
    """Large models are asked for SIF alone: rivals that want an answer take no part there."""
    found = judge_row(FIGURES, {"SIF": Measured(12, 24), "PLA": "wants an answer"}, leads="SIF")
    assert found.word == "reproduced"
    assert "0.49 published, 0.50" in found.reason
    assert "PLA not measured; ProFLingo not measured" in found.reason
    assert _word(SIF=Measured(24, 24)) == "differs"
    assert _word(SIF=Measured(2, 4)) == "not here"


def test_too_few_triggers_say_how_many_it_takes() -> None:
    found = judge_row(
        {"SAFD only": 0.46, "ρ = 0.5": 0.49},
        {"SAFD only": Measured(11, 24), "ρ = 0.5": Measured(12, 24)},
        leads="ρ = 0.5",
    )
    assert found.word == "not here"
    assert "takes about 4,3" in found.reason
    assert "of each (80% power)" in found.reason


def test_only_the_columns_that_are_named_are_compared() -> None:
    figures = {"SAFD only": 0.3, "ρ = 1": 0.31, "ρ = 0.5": 0.5}
    cells = {"SAFD only": Measured(2, 24), "ρ = 1": Measured(24, 24), "ρ = 0.5": Measured(18, 24)}
    assert judge_row(figures, cells, leads="ρ = 0.5").word == "differs"
    named = judge_row(figures, cells, leads="ρ = 0.5", against=("SAFD only",))
    assert named.word == "reproduced"


def test_a_figure_alone_is_compared_with_the_interval() -> None:
    for hits, word in ((12, "reproduced"), (24, "differs")):
        found = judge_row({"SIF": 0.43}, {"SIF": Measured(hits, 24)}, leads="SIF")
        assert found.word == word


@pytest.mark.parametrize(("hits", "total"), [(1, 2), (1, 4), (4, 8), (8, 16)])
def test_a_figure_in_an_interval_of_nearly_everything_is_not_reproduced(
    hits: int, total: int
) -> None:
    found = judge_row({"SIF": 0.43}, {"SIF": Measured(hits, total)}, leads="SIF")
    assert found.word == "not here"
    assert f"{total} triggers do not tell" in found.reason


def test_a_row_without_a_published_figure_says_so() -> None:
    assert judge_row({}, {"SIF": Measured(3, 4)}, leads="SIF").word == "unpublished"


def test_figures_in_intervals_are_counted() -> None:
    cells: dict[str, Measured | str] = {"SIF": Measured(12, 24), "PLA": Measured(24, 24)}
    assert within(FIGURES, cells) == (1, 2)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    found = difference(Measured(56, 70), Measured(48, 80))
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.0524, abs=1e-3)
    assert found.high == pytest.approx(0.3339, abs=1e-3)
