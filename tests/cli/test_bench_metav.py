from pathlib import Path

import pytest

from tests.cli.command import Run, assert_one_line


@pytest.mark.slow
def test_a_quick_benchmark_writes_tables_and_a_figure(sif: Run, tmp_path: Path) -> None:
    out = tmp_path / "b"
    code, said, error = sif("bench", "metav", "--out", out, "--quick", "--set", "tasks=diabetes")
    assert code == 0, error
    assert (out / "summary.md").read_text().strip() in said
    assert (out / "aruc.svg").read_text().startswith("<?xml")
    assert [path.name for path in (out / "cells").iterdir()] == ["diabetes-1.json"]
    rows = [line for line in said.splitlines() if line.startswith("| near ×10 | ")]
    weights = float(rows[1].split("|")[3].split()[0])
    assert weights > 0.9  # copies that hold the protected network's weights


def test_wrong_words_are_one_clear_line(sif: Run, tmp_path: Path) -> None:
    for typed, words in (("tasks=letters", "digits"), ("seeds=one", "whole number")):
        code, _, error = sif("bench", "metav", "--out", tmp_path / "b", "--set", typed)
        assert code == 2
        assert_one_line(error, typed.split("=")[1], words)
    assert not (tmp_path / "b").exists()
