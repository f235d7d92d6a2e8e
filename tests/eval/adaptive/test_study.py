"""The whole benchmark in little, and again: what lies in the folder is found."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sif.eval.adaptive.stage import AdaptiveSettings
from sif.eval.adaptive.study import STUDY
from sif.eval.study import Workplace, run_study

LITTLE = AdaptiveSettings(
    families=("llava",),
    triggers=2,
    methods=("sif@steps=1",),
    method_triggers=2,
    scenes=2,
    benign=20,
    own_triggers=2,
    classifier_steps=2,
    purifiers=("purify-learned:16",),
    logged=10,
    tuning_steps=1,
    adversarial_triggers=2,
    adversarial_steps=1,
    adversarial=("1:language",),
    averages=("average:2",),
    disclosed=(1,),
    ways=("red",),
)


@pytest.mark.slow
def test_the_whole_in_little_and_again(tmp_path: Path) -> None:
    stages: list[str] = []

    def run() -> dict[str, bytes]:
        stages.clear()
        place = Workplace(out=tmp_path, show=lambda stage, *_: stages.append(stage))
        return {path.name: path.read_bytes() for path in run_study(STUDY, LITTLE, place)}

    def rows(name: str) -> list[dict[str, Any]]:
        read: list[dict[str, Any]] = pq.read_table(
            tmp_path / f"adaptive-{name}.parquet"
        ).to_pylist()
        return read

    found = run()
    kinds = {row["kind"] for row in rows("answers")}
    assert kinds == {"purifiers", "averaging", "filter", "tuning", "unlearning", "owner"}
    disclosed = [row for row in rows("answers") if row["asked"] == "disclosed"]
    assert [(row["seed"], row["trigger"]) for row in disclosed] == [(0, "0001")]
    assert {row["kind"] for row in rows("scores") if row["trigger"]} == {
        "sif@steps=1",
        "sif@steps=1 on photographs",
    }
    assert rows("detections")
    assert rows("fidelity")
    assert run() == found
    assert not [stage for stage in stages if "own triggers" in stage or "teaching" in stage]
