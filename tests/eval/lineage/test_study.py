"""A small run: rows of copies and innocents, the table, and what its figures mean."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sif.errors import UsageError
from sif.eval.lineage.study import STUDY, LineageRow, LineageSettings, as_table
from sif.eval.study import Workplace, run_study


def place(out: Path) -> Workplace:
    return Workplace(out=out, show=lambda *words: None)


@pytest.mark.slow
def test_copies_stand_apart_from_innocents(tmp_path: Path) -> None:
    settings = LineageSettings(families=("llava",), suspects=("pruned-20", "sibling"))
    run_study(STUDY, settings, place(tmp_path))
    rows = pq.read_table(tmp_path / "lineage.parquet").to_pylist()
    found = {(row["family"], row["suspect"], row["part"]): row for row in rows}
    for (_, _, part), row in found.items():
        if row["role"] == "copy":
            assert row["likeness"] > 0.9, row
        elif row["likeness"] is not None:
            assert row["likeness"] < 0.5, (part, row)
    assert ("llava", "sibling", "vision") in found
    words = found["llava", "pruned-20", "language"]
    assert words["likeness"] == max(words["rare_words"], words["common_words"])
    assert min(words["rare_words"], words["common_words"]) > 0.9
    assert ("vision models", "3-bit", "vision") in found
    assert "| llava | language | 1 |" in (tmp_path / "summary.md").read_text()


def row(role: str, likeness: float | None, reading: str) -> LineageRow:
    return LineageRow.model_validate(
        {
            **{"family": "llava", "suspect": f"{role} {likeness}", "role": role},
            **{"part": "language", "likeness": likeness, "reading": reading},
            **{"attention": None, "values": None, "feed_forward": None},
            **{"rare_words": None, "common_words": likeness},
        }
    )


def test_the_table_counts_what_is_read_wrongly() -> None:
    said = as_table(
        [
            row("copy", 0.9, "one origin"),
            row("copy", 0.4, "no common origin seen"),
            row("innocent", 0.6, "unclear"),
            row("innocent", None, "not comparable"),
        ]
    )
    assert "| llava | language | 2 | 0.40 | 1 | 0.60 | 0.500 |" in said
    assert "1 of 3 wrongly, 1 unclear. 1 parts cannot be compared." in said


def test_only_the_source_is_nobody_to_compare(tmp_path: Path) -> None:
    settings = LineageSettings(families=("llava",), suspects=("source",), vision_models=False)
    with pytest.raises(UsageError, match="beside the source"):
        run_study(STUDY, settings, place(tmp_path))
