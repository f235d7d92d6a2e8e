from pathlib import Path

from tests.cli.command import Run, assert_one_line


def test_unknown_names_are_wrong_usage(sif: Run, tmp_path: Path) -> None:
    for typed in ("sources=gpt", "modes=x", "suspects=nobody"):
        code, _, error = sif("bench", "activemark", "--out", tmp_path / "out", "--set", typed)
        assert code == 2
        assert_one_line(error, typed.split("=")[1])
    assert not (tmp_path / "out").exists()
