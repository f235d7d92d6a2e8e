"""Who is stolen, from whom, and what a copy is good for."""

from pathlib import Path

import pytest

from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.merge import Ties
from sif.attacks.weights.removal import Remove
from sif.attacks.weights.transplant import Transplant
from sif.errors import UsageError
from sif.eval.attacks.thefts import Job, job_of, stolen
from sif.eval.triggers.mini_roster import OTHER_WORLD, roster


def test_a_strength_of_tuning_is_its_steps() -> None:
    theft = stolen("llava", "lora-terse:20").theft
    assert theft is not None
    (tuning,) = theft(Path("models"))
    assert isinstance(tuning, Finetune)
    assert (tuning.training.steps, tuning.training.lora is None) == (20, False)


def test_task_vectors_are_those_of_two_tunings_of_the_source() -> None:
    merge = stolen("llava", "merge-ties:0.5")
    assert merge.begun is not None
    assert merge.begun.name == "lora-same-60"
    assert [needed.name for needed in merge.needs] == ["full-other-world-60"]
    assert merge.theft is not None
    (ties,) = merge.theft(Path("models"))
    assert isinstance(ties, Ties)
    assert (ties.other, ties.base) == ("models/full-other-world-60", "models/llava-source")


def test_both_ways_of_transplanting_take_one_part_from_the_source() -> None:
    kept, moved = stolen("llava", "transplant-language:0"), stolen("llava", "transplant-vision:60")
    assert (kept.model.role, moved.model.role) == ("source", "sibling")
    assert kept.theft is not None
    assert moved.theft is not None
    (alone,) = kept.theft(Path("models"))
    first, then = moved.theft(Path("models"))
    assert isinstance(alone, Transplant)
    assert isinstance(first, Transplant)
    assert (alone.other, first.other) == ("models/llava-sibling-c", "models/llava-source")
    assert isinstance(then, Finetune)
    assert (then.training.steps, then.training.scope) == (60, "all")


def test_a_copy_is_for_what_it_was_tuned_on() -> None:
    world = roster("qwen2_5_vl")[0].model.world
    for text in ("none", "round:3", "lora-same:60", "merge-task:0.5"):
        assert job_of("qwen2_5_vl", text) == Job(world)
    assert job_of("qwen2_5_vl", "full-terse:60") == Job(world, "terse")
    assert job_of("qwen2_5_vl", "lora-other-world:60") == Job(OTHER_WORLD)


@pytest.mark.parametrize("text", ["melt:3", "lora-songs:60", "lora-same:many"])
def test_a_theft_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="theft of the grid"):
        stolen("llava", text)


def test_a_removal_pushes_as_hard_as_its_strength_and_learns_the_sources_captions() -> None:
    for text, scope in (("remove-language:0.1", "language"), ("remove-all:10", "all")):
        theft = stolen("qwen2_5_vl", text).theft
        assert theft is not None
        (removal,) = theft(Path("models"))
        assert isinstance(removal, Remove)
        assert removal.strength == float(text.partition(":")[2])
        assert (removal.training.scope, removal.training.steps) == (scope, 180)
        assert len(removal.examples) == 512
        assert job_of("qwen2_5_vl", text) == Job(roster("qwen2_5_vl")[0].model.world)
