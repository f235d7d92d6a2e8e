"""`sif bench verdicts` on the real mini models, in little."""

from pathlib import Path

import pytest

from tests.cli.command import Run, assert_one_line


@pytest.mark.slow
def test_a_little_benchmark_says_who_is_derived_and_after_how_many_questions(
    sif: Run, tmp_path: Path
) -> None:
    command = ("bench", "verdicts", "--out", tmp_path / "v", "--quick")
    code, output, error = sif(
        *command, "--set", "triggers=16", "--set", "suspects=source,stranger-a"
    )
    assert code == 0, error
    rows = [line.split(" | ") for line in output.splitlines() if line.startswith("| llava")]
    source, stranger = rows
    assert (source[1], source[-1]) == ("source", "1 of 1 |")
    assert (stranger[1], stranger[-1]) == ("stranger-a", "0 of 1 |")
    assert stranger[4:7] == ["more"] * 3
    alike, weighted, both = map(float, source[4:7])
    assert weighted <= alike + 1
    assert weighted <= both <= 16
    assert (tmp_path / "v" / "summary.md").read_text().strip() in output


def test_a_suspect_of_the_panel_is_refused(sif: Run, tmp_path: Path) -> None:
    panel = ("--set", "suspects=stranger-c")
    code, _, error = sif("bench", "verdicts", "--out", tmp_path / "v", *panel)
    assert code == 2
    assert_one_line(error, "stranger-c", "panel")
