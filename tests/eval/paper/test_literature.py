"""The published figures are complete, and name only what there is."""

import pytest
from pydantic import ValidationError

from sif.eval.paper.literature import KINDS, PublishedRow, published
from sif.eval.real.roster import real_words_roster
from sif.eval.triggers.mini_roster import FAMILIES, mini_roster
from sif.eval.triggers.real_roster import BUILT_IN, real_roster


def test_every_table_of_the_paper_is_there_with_its_source() -> None:
    known = published()
    tables = ["suspects", "ablation", "pictures", "divergence", "paraphrase", "judge"]
    assert [table.id for table in known.tables] == tables
    assert [table.id for table in known.elsewhere] == ["metav", "activemark"]
    assert all("2604.17041" in table.source for table in known.tables)
    assert sum(len(row.figures) for table in known.tables for row in table.rows) == 66


@pytest.mark.parametrize(
    ("table", "row", "column", "figure"),
    [
        ("suspects", "LLaVA in 8 bits", "SIF", 0.89),
        ("suspects", "LLaVA tuned on LlavaMix", "PLA", 0.0),
        ("suspects", "Qwen tuned on GUI-Actor", "SIF", 0.72),
        ("suspects", "Qwen (likely) tuned on ARC-AGI", "SIF", 0.89),
        ("ablation", "tuned on TikZ", "ρ = 0.5", 0.37),
        ("pictures", "resized to two thirds", "SIF", 0.23),
        ("divergence", "Qwen", "PLA", 0.11),
        ("paraphrase", "paraphrased", "PLA", 0.84),
        ("judge", "flagged by GPT-4.1", "SIF", 0.04),
    ],
)
def test_figures_are_the_published_ones(table: str, row: str, column: str, figure: float) -> None:
    (found,) = (one for one in published().table(table).rows if one.name == row)
    assert found.figures[column] == figure


def test_what_was_not_found_is_no_figure() -> None:
    (row,) = (r for r in published().table("suspects").rows if "LlavaMix" in r.name)
    assert "IF" not in row.figures


def test_whoever_stands_for_a_suspect_is_in_the_roster() -> None:
    rosters = [*map(mini_roster, FAMILIES), real_words_roster(), *map(real_roster, BUILT_IN)]
    assert {roster.name for roster in rosters} == set(KINDS)
    for roster in rosters:
        names = {one.name for one in roster.suspects if one.role != "innocent"}
        asked = {
            name
            for table in published().tables
            for row in table.rows
            if (name := row.suspect(roster.name)) is not None
        }
        assert asked <= names
        assert len(asked) >= 2


def test_rows_of_one_family_are_not_asked_of_the_other() -> None:
    row = PublishedRow(name="x", family="llava", figures={}, stands={"mini": "nf4"})
    assert row.suspect("llava") == "nf4"
    assert row.suspect("qwen2_5_vl") is None
    assert row.suspect("somebody's") is None


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ValidationError):
        PublishedRow(name="x", figures={"SIF": 49}, stands={})
