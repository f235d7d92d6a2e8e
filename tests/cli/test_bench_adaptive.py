from pathlib import Path

from tests.cli.command import Run, assert_one_line


def test_an_unknown_section_is_wrong_usage_and_lists_them(sif: Run, tmp_path: Path) -> None:
    out = tmp_path / "adaptive"
    code, _, error = sif("bench", "adaptive", "--out", out, "--set", "sections=detection,dreams")
    assert code == 2
    assert_one_line(error, "'detection', 'purifiers'", "'dreams'")
    assert not out.exists()


def test_an_unknown_family_is_wrong_usage(sif: Run, tmp_path: Path) -> None:
    code, _, error = sif(
        "bench", "adaptive", "--out", tmp_path / "adaptive", "--set", "families=blip"
    )
    assert code == 2
    assert_one_line(error, "'llava' or 'qwen2_5_vl'", "'blip'")
