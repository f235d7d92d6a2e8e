from pathlib import Path

import pytest

from tests.cli.command import Run, assert_one_line


@pytest.mark.slow
def test_a_table_and_a_picture_are_printed_and_kept(sif: Run, tmp_path: Path) -> None:
    few = ("--set", "method=sif@steps=2", "--quick", "--set", "attack=resize,case")
    command = ("bench", "attacks", "--out", tmp_path / "b", *few)
    code, said, error = sif(*command)
    assert code == 0, error
    table = (tmp_path / "b" / "summary.md").read_text()
    short, _, table = table.partition("<!-- details -->")
    assert short.strip() in said
    assert "| `resize` 0.75 |" in short
    assert "| `none` |" in table
    assert "| `resize:0.75` |" in table
    assert "| sibling-c | `resize:0.75` |" in table
    assert "more than 8" in table
    for name in ("attacks.parquet", "attacks-lines.parquet", "attacks-llava.svg"):
        assert (tmp_path / "b" / name).is_file()
        assert name in said
    assert sif(*command)[:2] == (0, said)
    assert "## Attacks on answers" in short
    assert "| `case:0.5` | 100% |" in short


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("attack=flip", ("jpeg", "lora-same", "'flip'")),
        ("attack=jpeg:1000", ("90, 75, 50", "'1000'")),
        ("kind=poison", ("weights, images", "'poison'")),
        ("families=gpt", ("qwen2_5_vl", "'gpt'")),
    ],
)
def test_what_is_not_in_the_grid_is_wrong_usage(
    sif: Run, tmp_path: Path, typed: str, words: tuple[str, ...]
) -> None:
    code, _, error = sif("bench", "attacks", "--out", tmp_path / "b", "--set", typed)
    assert code == 2
    assert_one_line(error, *words)
    assert not (tmp_path / "b").exists()
