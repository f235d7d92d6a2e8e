"""Batches that fit: what is tried, what is remembered, and that results do not depend on it."""

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sif.errors import UsageError
from sif.fingerprint import memory
from sif.fingerprint.craft import Craft, Draft
from sif.fingerprint.memory import Fit, Fitting, craft_fitting, free_memory, is_out_of_memory
from sif.fingerprint.recipe import Recipe
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from sif.vlm.out_of_memory import in_halves
from tests.fingerprint.narrow import everything
from tests.fingerprint.small import pictures, small_recipe

GENERATION = GenerationSettings(max_new_tokens=8)


@pytest.fixture(scope="module")
def vlm(untrained_llava: Path) -> Vlm:
    return Vlm.load(untrained_llava, device="cpu")


def worn_recipe(**changes: Any) -> Recipe:
    fields = small_recipe(steps=1).model_dump(mode="json")
    kinds = [{"kind": "simulated_copies", "plain": 0.0}]
    return Recipe.model_validate(fields | {"robustness": kinds} | changes)


def drafts(vlm: Vlm, count: int) -> list[Draft]:
    green = np.arange(vlm.vocabulary_size) % 2 == 0
    return [
        Draft(
            id=f"{number:04d}",
            source_image=one.name,
            base=vlm.prepare(one.image),
            start=None,
            prompt="What do you see?",
            green=green,
            seed=number + 5,
        )
        for number, one in enumerate(pictures(count))
    ]


def crafted(vlm: Vlm, fitting: Fitting, count: int) -> list[list[Craft]]:
    return list(
        craft_fitting(
            vlm,
            worn_recipe(),
            drafts(vlm, count),
            fitting=fitting,
            generation=GENERATION,
            report=lambda working, step, loss: None,
        )
    )


def test_triggers_do_not_depend_on_how_many_are_made_at_once(
    vlm: Vlm, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The second of two running out of memory, half of them is tried, and remembered."""
    (together,) = crafted(vlm, Fitting("auto", None), 2)
    real, sizes = memory.craft, []

    def narrow(vlm: Vlm, recipe: Recipe, some: list[Draft], **named: Any) -> list[Craft]:
        sizes.append(len(some))
        if len(some) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(vlm, recipe, some, **named)

    monkeypatch.setattr(memory, "craft", narrow)
    fitting = Fitting("auto", None)
    with caplog.at_level(logging.WARNING):
        alone = [one for part in crafted(vlm, fitting, 2) for one in part]
    assert sizes == [2, 1, 1]
    assert "out of memory with 2 at once; trying less" in caplog.text
    for one, other in zip(alone, together, strict=True):
        gap = np.asarray(one.image, int) - np.asarray(other.image, int)
        assert one.draft.id == other.draft.id
        assert (gap != 0).mean() < 0.01
    assert fitting.choose(vlm, worn_recipe(), drafts(vlm, 2), 8).at_once == 1


def test_the_estimate_chooses_before_anything_is_tried(
    vlm: Vlm, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = drafts(vlm, 4)
    need = memory.step_need(vlm, some[0], tokens=8)
    assert 0 < need.each_checkpointed < need.each

    def chosen(free: int | None, batch: Any = "auto", **changes: Any) -> Fit:
        monkeypatch.setattr(memory, "free_memory", lambda device: free)
        return Fitting(batch, changes.get("checkpointing")).choose(vlm, worn_recipe(), some, 8)

    enough = int(need.of(Fit(4, False)) / memory.USED) + 9
    assert chosen(enough) == Fit(4, False) == chosen(None)
    assert chosen(enough - 99) == Fit(2, False)
    assert chosen(int(need.of(Fit(1, False)) / memory.USED) - 99) == Fit(1, True) == chosen(0)
    assert chosen(0, 4) == Fit(4, True)
    assert chosen(0, 4, checkpointing=False) == Fit(4, False)
    assert chosen(enough, checkpointing=True) == Fit(4, True)


def test_triggers_that_share_more_than_a_seed_are_not_taken_apart(
    vlm: Vlm, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = worn_recipe(robustness=[{"kind": "parameter_ascent"}])
    monkeypatch.setattr(memory, "free_memory", lambda device: 0)
    assert Fitting("auto", None).choose(vlm, recipe, drafts(vlm, 4), 8) == Fit(4, True)


def test_where_nothing_fits_it_is_said_how_to_mend_that(vlm: Vlm) -> None:
    fitting = Fitting(2, None)
    fitting.failed(Fit(2, True))
    with pytest.raises(UsageError, match=r"expected memory for 2 .* --batch auto"):
        fitting.choose(vlm, worn_recipe(), drafts(vlm, 2), 8)


def test_what_is_no_want_of_memory_is_not_taken_for_one(
    vlm: Vlm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: Any, **_named: Any) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(memory, "craft", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        crafted(vlm, Fitting("auto", None), 1)


def test_the_devices_ways_of_saying_it_are_known() -> None:
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(found.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    free = free_memory(torch.device("cpu"))
    assert free is None or free > 2**20
    assert free_memory(torch.device("meta")) is None


def test_a_fingerprint_is_made_where_memory_really_ends(vlm: Vlm, tmp_path: Path) -> None:
    """Steps, answers to follow and to measure, weighed words and studied pictures are halved."""
    out = tmp_path / "made.npz"
    run = subprocess.run(
        [sys.executable, "-m", "tests.fingerprint.narrow", vlm.source, str(out)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    made, wanted = np.load(out), everything(vlm, Fitting("auto", None))
    said = "\n".join(made["said"])
    for words in (
        "6 at once (answers to follow); trying 3",
        "6 at once; trying less",
        "6 at once (answers measured); trying 3",
        "6 at once (words weighed); trying 3",
        "(parts of pictures studied)",
    ):
        assert f"out of memory with {words}" in said or words in said
    gap = made["images"].astype(int) - wanted["images"].astype(int)
    assert (gap != 0).mean() < 0.01
    np.testing.assert_allclose(made["weights"], wanted["weights"], rtol=1e-4)
    np.testing.assert_allclose(made["projector"], wanted["projector"], atol=1e-4)


def test_halves_end_where_one_is_too_much() -> None:
    """Results come in order; what is no want of memory, or of one item, is raised."""

    def work(some: Sequence[int]) -> list[int]:
        if len(some) > most:
            raise RuntimeError(words)
        return [2 * one for one in some]

    most, words = 2, "CUDA out of memory"
    assert in_halves(work, range(7), what="work") == [2 * one for one in range(7)]
    most = 0
    with pytest.raises(RuntimeError, match="out of memory"):
        in_halves(work, range(7), what="work")
    most, words = 2, "shapes do not match"
    with pytest.raises(RuntimeError, match="shapes"):
        in_halves(work, range(7), what="work")
