from pathlib import Path

from tests.cli.command import Run, assert_one_line


def test_unknown_names_are_wrong_usage(sif: Run, tmp_path: Path) -> None:
    for option, value in (("--sources", "gpt"), ("--modes", "x"), ("--suspects", "nobody")):
        code, _, error = sif("bench", "activemark", "--out", tmp_path / "out", option, value)
        assert code == 2
        assert_one_line(error, value)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(sif: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    code, _, error = sif("bench", "activemark", "--out", tmp_path, "--quick")
    assert code == 1
    assert_one_line(error, "activemark.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
