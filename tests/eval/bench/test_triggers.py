"""A whole benchmark in little, on a bundled model."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from sif.errors import FingerprintError, StorageError, UsageError
from sif.eval.bench.roster import chosen, roster
from sif.eval.bench.meter import metered
from sif.eval.bench.triggers import TriggerBench, run_bench
from sif.types import GenerationSettings
from sif.vlm.model import Vlm


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


def test_both_rosters_hold_out_copies_and_innocents() -> None:
    for family in ("llava", "qwen2_5_vl"):
        everybody = roster(family)
        assert everybody[0].role == "source"
        assert len({entry.name for entry in everybody}) == len(everybody)
        held = [entry for entry in everybody if entry.split == "held out"]
        assert {entry.role for entry in held} == {"copy", "innocent"}
        assert {"sibling", "sibling-b", "stranger-c"} <= {entry.name for entry in everybody}
    with pytest.raises(UsageError, match=r"among source, int8.*got 'gpt'"):
        chosen("llava", ("source", "gpt"))


def test_passes_with_a_gradient_and_passes_that_decode_are_told_apart(
    untrained_llava: Path,
) -> None:
    vlm = Vlm.load(untrained_llava, device="cpu")
    images, prompts = torch.rand(2, 3, 72, 72), ["What is it?"] * 2
    with metered(vlm) as meter:
        vlm.answer_logits(images, prompts, [[5], [6, 7]])
        vlm.answer_logits(images, prompts, [[5], [6, 7]])
        vlm.generate(images, prompts, GenerationSettings(max_new_tokens=3))
    assert meter.gradient_passes == 2
    assert 1 <= meter.decoding_passes <= 3
    assert meter.seconds > 0
    vlm.answer_logits(images, prompts, [[5], [6]])
    assert meter.gradient_passes == 2


@pytest.mark.slow
def test_a_benchmark_is_kept_resumed_and_counts_every_answer(tmp_path: Path) -> None:
    bench = TriggerBench(
        out=tmp_path / "bench",
        families=("llava",),
        methods=("sif", "sif-release"),
        triggers=2,
        seeds=(0,),
        suspects=("source", "pruned-20", "stranger-b"),
        image_attacks=("none", "jpeg:75"),
        steps=2,
    )
    rows = run_bench(bench, show=_ignore)
    cells, costs, portraits = rows
    assert len(cells) == 2 * 3 * 2 * 2
    assert len({(c.method, c.suspect, c.image_attack, c.trigger) for c in cells}) == len(cells)
    assert all(cell.scored for cell in cells if cell.suspect == "source")
    assert [cost.method for cost in costs] == ["sif", "sif-release"]
    assert all(cost.seconds and cost.gradient_passes and cost.decoding_passes for cost in costs)
    for name, values in rows._asdict().items():
        assert pq.read_table(bench.out / f"{name}.parquet").num_rows == len(values)
    assert len(portraits) == 2 * 2
    assert all(portrait.base_facts == 1.0 for portrait in portraits)
    assert {portrait.largest_change for portrait in portraits} <= {1, 2, 3, 4}

    pictures = {p: p.stat().st_mtime_ns for p in bench.out.rglob("*.png")}
    assert run_bench(bench, show=_ignore) == rows
    assert {p: p.stat().st_mtime_ns for p in bench.out.rglob("*.png")} == pictures
    with pytest.raises(FingerprintError, match=r"settings that .* was begun with"):
        run_bench(replace(bench, triggers=3), show=_ignore)


def test_what_cannot_be_run_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    plan = TriggerBench(out=tmp_path / "bench")
    for changes, words in (
        ({"methods": ("sif", "magic")}, "magic"),
        ({"image_attacks": ("flip",)}, "flip"),
        ({"suspects": ("gpt",)}, "gpt"),
        ({"methods": ()}, "at least one"),
        ({"seeds": ()}, "at least one"),
        ({"jobs": 0}, "at least 1 job"),
        ({"methods": ("sif@epsilon=300",)}, "less than or equal to 255"),
    ):
        with pytest.raises(UsageError, match=words):
            run_bench(replace(plan, **changes), show=_ignore)
    assert not (tmp_path / "bench").exists()
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match=r"bench\.txt"):
        run_bench(TriggerBench(out=tmp_path), show=_ignore)
