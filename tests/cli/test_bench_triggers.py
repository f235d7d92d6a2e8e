from pathlib import Path

import pytest

from tests.cli.command import Run, assert_one_line


@pytest.mark.slow
def test_a_table_is_printed_and_kept(sif: Run, tmp_path: Path) -> None:
    few = ("--quick", "--set", "steps=2", "--set", "methods=sif", "--set", "image-attacks=none")
    few += ("--set", "suspects=source,stranger-a", "--set", "epsilon=3", "--jobs", 2)
    command = ("bench", "triggers", "--out", tmp_path / "b", *few)
    code, said, error = sif(*command)
    assert code == 0, error
    table = (tmp_path / "b" / "summary.md").read_text()
    overview, everybody = table.split("## Everybody")
    assert overview.partition("<!-- details -->")[0].strip() in said
    assert "| sif | source | none |" in everybody
    assert "| sif | stranger-a | none |" in everybody
    assert "| evidence, source † |" in overview
    assert "| largest change (1/255) | 3 |" in overview
    assert "cpu, 1 thread, 2 jobs" in overview or "cuda" in overview
    written = ("cells.parquet", "costs.parquet", "portraits.parquet", "suspects.svg")
    written += ("image-attacks.svg", "heatmap.svg", "cost.svg")
    assert all((tmp_path / "b" / name).is_file() and name in said for name in written)
    assert "llava: asking source: 1 of 1" in error
    code, again, _ = sif(*command)
    assert (code, again) == (0, said)


def test_an_unknown_family_is_wrong_usage(sif: Run, tmp_path: Path) -> None:
    code, _, error = sif(
        "bench", "triggers", "--out", tmp_path / "b", "--set", "families=llava,gpt"
    )
    assert code == 2
    assert_one_line(error, "qwen2_5_vl", "'gpt'")
    assert not (tmp_path / "b").exists()


def test_a_change_to_what_no_schedule_has_is_wrong_usage(sif: Run, tmp_path: Path) -> None:
    code, _, error = sif("bench", "triggers", "--out", tmp_path / "b", "--set", "methods=sif@eps=8")
    assert code == 2
    assert_one_line(error, "epsilon", "'eps'")
    assert not (tmp_path / "b").exists()
