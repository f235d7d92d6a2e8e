import json
from pathlib import Path

import pytest

from sif.eval.ownership.results import Results
from tests.cli.command import Run, assert_one_line


@pytest.mark.slow
def test_the_benchmark_of_the_statistics_writes_its_folder(sif: Run, tmp_path: Path) -> None:
    out = tmp_path / "o"
    code, said, error = sif("bench", "ownership", "--out", out, "--quick", "--set", "audits=2000")
    assert code == 0, error
    assert (out / "summary.md").read_text().strip() in said
    assert "provider watermarks: 9 of 9" in error
    for name in ("summary.md", "null.svg", "power.svg", "selection.svg", "results.json"):
        assert (out / name).is_file()
        assert name in said
    results = Results.model_validate(json.loads((out / "results.json").read_text()))
    assert len(results.power) == 12
    assert {row.keys for row in results.calibration} == {"drawn", "real"}
    assert all(rate.low <= 2 * rate.alpha for row in results.calibration for rate in row.rates)


def test_too_few_audits_are_wrong_usage(sif: Run, tmp_path: Path) -> None:
    code, _, error = sif("bench", "ownership", "--out", tmp_path / "o", "--set", "audits=10")
    assert code == 2
    assert_one_line(error, "audits", "1000", "'10'")
    assert not (tmp_path / "o").exists()
