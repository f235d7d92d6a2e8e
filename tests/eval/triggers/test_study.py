"""A whole benchmark in little, on a bundled model."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError

from sif.errors import StorageError, UsageError
from sif.eval.study import Workplace, run_study
from sif.eval.triggers import mini_roster
from sif.eval.triggers.meter import metered
from sif.eval.triggers.plan import TriggerSettings, plans
from sif.eval.triggers.rows import Cost, Outcomes, Portrait, Rows
from sif.eval.triggers.study import STUDY, run_plans
from sif.suspects.connect import connect
from sif.types import GenerationSettings, Query, Reply, Suspect
from sif.vlm.model import Vlm
from tests.kill_9 import begin, kill_once_there_is


def _at(out: Path) -> Workplace:
    return Workplace(out=out, show=_ignore)


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


def test_passes_with_a_gradient_and_passes_that_decode_are_told_apart(
    untrained_llava: Path,
) -> None:
    vlm = Vlm.load(untrained_llava, device="cpu")
    images, prompts = torch.rand(2, 3, 72, 72), ["What is it?"] * 2
    with metered(vlm) as meter:
        vlm.answer_logits(images, prompts, [[5], [6, 7]])
        leaf = images.clone().requires_grad_()
        vlm.answer_logits(leaf, prompts, [[5], [6, 7]])[0].sum().backward()
        vlm.generate(images, prompts, GenerationSettings(max_new_tokens=3))
    assert meter.gradient_passes == 2
    parts = (meter.forward_seconds, meter.backward_seconds, meter.decoding_seconds)
    assert min(parts) > 0
    assert sum(parts) < meter.seconds
    assert 1 <= meter.decoding_passes <= 3
    assert meter.seconds > 0
    vlm.answer_logits(images, prompts, [[5], [6]])
    assert meter.gradient_passes == 2


@pytest.mark.slow
def test_a_benchmark_is_kept_resumed_and_counts_every_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def connect_and_note(uri: str) -> Suspect:
        suspect = connect(uri)
        ask = suspect.ask

        def ask_and_note(queries: Sequence[Query]) -> list[Reply]:
            asked.append((uri, len(queries)))
            return ask(queries)

        suspect.ask = ask_and_note  # type: ignore[method-assign]
        return suspect

    monkeypatch.setattr(mini_roster, "connect", connect_and_note)
    out = tmp_path / "bench"
    settings = TriggerSettings(
        families=("llava",),
        methods=("sif", "sif-release@epsilon=3", "ordinary", "rna"),
        triggers=2,
        seeds=1,
        suspects=("source", "pruned-20", "stranger-b"),
        image_attacks=("none", "jpeg:75"),
        steps=2,
        epsilon=4.0,
    )

    def run(**changes: object) -> Rows:
        changed = TriggerSettings(**settings.model_dump() | changes)
        return run_plans(plans(changed), _at(out)).rows

    rows = run()
    cells, costs, portraits, _ = rows
    assert len(cells) == 4 * 3 * 2 * 2
    assert len({(c.method, c.suspect, c.image_attack, c.trigger) for c in cells}) == len(cells)
    assert all(cell.scored for cell in cells if cell.method == "sif" and cell.role == "source")
    assert {cell.matched for cell in cells if cell.method.startswith("sif")} == {None}
    assert {(c.green, c.vocabulary_size) for c in cells if c.method == "rna"} == {(None, None)}
    assert None not in {cell.matched for cell in cells if cell.method == "rna"}
    _check_costs(costs)
    _check_portraits(portraits)
    # The triggers of all methods go to a suspect together; then the source sees the base images,
    # where both baselines ask the same.
    assert [number for _, number in asked] == [8] * 6 + [6]

    (out / "llava" / "models" / "pruned-20").rename(tmp_path / "away")
    asked.clear()
    pictures = {p: p.stat().st_mtime_ns for p in out.rglob("*.png")}
    assert run() == rows
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.png")} == pictures
    assert asked == []
    assert not (out / "llava" / "models" / "pruned-20").exists()
    for changes in ({"triggers": 3}, {"methods": ("ordinary",), "triggers": 3}):
        with pytest.raises(StorageError, match=r"settings that .* begun with"):
            run(**changes)
    record = out / "llava" / "fingerprints" / "sif-0.json"
    record.write_text(record.read_text().replace('"schema_version": 3', '"schema_version": 1'))
    with pytest.raises(StorageError, match=r"cost of version 3 in .*sif-0\.json"):
        run()


def _check_costs(costs: Sequence[Cost]) -> None:
    by_name = {cost.method: cost for cost in costs}
    assert list(by_name) == ["sif", "sif-release@epsilon=3", "ordinary", "rna"]
    assert all(cost.seconds and cost.gradient_passes and cost.decoding_passes for cost in costs)
    assert by_name["ordinary"].gradient_passes == 2
    assert by_name["rna"].gradient_passes == 2
    assert {cost.batch_size for cost in costs} == {2}
    assert {(cost.jobs, cost.threads) for cost in costs} == {(1, torch.get_num_threads())}


def _check_portraits(portraits: Sequence[Portrait]) -> None:
    assert len(portraits) == 4 * 2
    assert all(portrait.base_facts == 1.0 for portrait in portraits)
    assert all(portrait.largest_change <= 4 for portrait in portraits)
    assert all(p.largest_change <= 3 for p in portraits if "release" in p.method)
    assert all(0.8 < portrait.ssim < 1 and portrait.psnr > 30 for portrait in portraits)


COMMAND = (
    *("bench", "triggers"),
    *("--set", "families=llava", "--set", "methods=sif,ordinary", "--set", "steps=2"),
    *("--set", "triggers=3", "--set", "seeds=1", "--set", "suspects=source,pruned-20"),
    *("--set", "image-attacks=none,crop:0.05", "--jobs", "2"),
)


@pytest.mark.slow
def test_after_kill_9_the_same_command_comes_to_the_same_rows(tmp_path: Path) -> None:
    assert begin(*COMMAND, "--out", tmp_path / "whole").wait() == 0
    out = tmp_path / "killed"
    for half in ("fingerprints/sif-0/request.json", "answers/source.sqlite"):
        kill_once_there_is(out / "llava" / half, begin(*COMMAND, "--out", out))
        assert not (out / "cells.parquet").exists()
    assert begin(*COMMAND, "--out", out).wait() == 0
    for name in ("cells", "portraits"):
        whole, killed = (
            pq.read_table(folder / f"{name}.parquet").to_pylist()
            for folder in (tmp_path / "whole", out)
        )
        assert killed == whole
    costs = pq.read_table(out / "costs.parquet").to_pylist()
    assert [cost["seconds"] is None for cost in costs].count(True) >= 1
    assert {(cost["threads"], cost["jobs"]) for cost in costs} == {(1, 2)}


def test_what_cannot_be_run_is_refused_before_anything_is_made() -> None:
    for changes, words in (
        ({"methods": ("sif", "magic")}, "magic"),
        ({"image_attacks": ("flip",)}, "flip"),
        ({"suspects": ("gpt",)}, "gpt"),
        ({"methods": ("sif@epsilon=300",)}, "less than or equal to 255"),
        ({"roster": "gpt"}, "llava-1.5-7b"),
    ):
        with pytest.raises(UsageError, match=words):
            TriggerSettings(**changes)
    with pytest.raises(ValidationError, match="seeds"):
        TriggerSettings(seeds=0)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match=r"study\.txt"):
        run_study(STUDY, TriggerSettings(), _at(tmp_path))


def test_everybody_is_told_in_a_file_that_can_be_read_again() -> None:
    kept = Outcomes(rosters={"llava": ()})
    assert Outcomes.model_validate_json(kept.model_dump_json()) == kept
