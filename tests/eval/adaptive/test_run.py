"""The whole benchmark in little, and again: what lies in the folder is found."""

from pathlib import Path

import pytest

from sif.eval.adaptive.run import AdaptiveBench, Found, run_adaptive
from sif.eval.adaptive.scale import Scale

LITTLE = Scale(
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
    adversarial=((1, "language"),),
    averages=("average:2",),
    disclosed=(1,),
    ways=("red",),
)


@pytest.mark.slow
def test_the_whole_in_little_and_again(tmp_path: Path) -> None:
    bench = AdaptiveBench(out=tmp_path, families=("llava",), scale=LITTLE)
    stages: list[str] = []

    def run() -> Found:
        stages.clear()
        return run_adaptive(bench, show=lambda stage, *_: stages.append(stage))

    found = run()
    sections = {row.section for row in found.outcomes}
    assert sections == {"purifiers", "averaging", "filter", "tuning", "unlearning", "owner"}
    disclosed = [row for row in found.outcomes if row.part == "disclosed"]
    assert [row.picture for row in disclosed] == ["0/0001"]
    assert {row.kind for row in found.scores if row.trigger} == {
        "sif@steps=1",
        "sif@steps=1 on photographs",
    }
    for name in found._fields:
        assert (tmp_path / f"adaptive-{name}.parquet").stat().st_size > 0
    assert run() == found
    assert not [stage for stage in stages if "own triggers" in stage or "teaching" in stage]
