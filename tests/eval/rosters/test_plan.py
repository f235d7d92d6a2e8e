from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.eval.bench.triggers import metered
from sif.eval.rosters.plan import Plan, make_plan, passes_of_a_step
from sif.fingerprint.make import make_fingerprint
from sif.recipe import Recipe, load_recipe
from sif.vlm.model import Vlm
from tests.eval.rosters.lists import entry, little
from tests.fingerprint.small import KEYS, PROMPTS, pictures, small_recipe


def test_choices_go_over_those_of_the_roster() -> None:
    roster = little("a/b", entry("x", "hf:a/c"), entry("y", "hf:a/d", set_aside="not ours"))
    plan = make_plan(roster)
    assert (plan.triggers, [name for name, _ in plan.methods]) == (2, ["sif"])
    assert [listed.name for listed in plan.asked] == ["source", "x"]
    plan = make_plan(
        roster,
        methods=["sif", "sif-release"],
        suspects=["x"],
        image_attacks=["none", "jpeg:75", "noise:4"],
        triggers=5,
        steps=7,
    )
    assert plan.questions == 2 * 5 * 3
    assert [recipe.schedule.steps for _, recipe in plan.methods] == [7, 7]
    assert [listed.name for listed in plan.suspects] == ["x"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": ["magic"]}, "magic"),
        ({"methods": []}, "at least one"),
        ({"image_attacks": ["flip"]}, "flip"),
        ({"suspects": ["z"]}, "'z'"),
        ({"methods": ["sif", "elsewhere/sif.yaml"]}, "names of their own"),
    ],
)
def test_what_cannot_be_done_is_refused(changes: dict[str, list[str]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_plan(little(), **changes)  # type: ignore[arg-type]


def test_unknown_prompts_are_refused_with_the_roster_named() -> None:
    with pytest.raises(UsageError, match=r"little: prompts: .*ordinary.*rude"):
        make_plan(little(prompts="rude"))


def with_terms(*terms: dict[str, object], attempts: int = 1, minimum_z: float = -9.0) -> Recipe:
    recipe = small_recipe(attempts=attempts, minimum_z=minimum_z).model_dump()
    return Recipe.model_validate(recipe | {"robustness": terms})


def test_a_step_costs_twice_for_every_term_that_looks_twice() -> None:
    noise = {"kind": "representation_noise", "radius": 0.5}
    assert passes_of_a_step(with_terms()) == 1
    assert passes_of_a_step(with_terms(noise)) == 2
    assert passes_of_a_step(with_terms(noise | {"reuse": True})) == 1
    assert passes_of_a_step(with_terms({"kind": "parameter_ascent"}, noise)) == 4
    assert [passes_of_a_step(load_recipe(name)) for name in ("sif", "sif-release")] == [1, 2]


@pytest.mark.parametrize(
    ("terms", "attempts", "minimum_z"),
    [
        ((), 1, -9.0),
        (({"kind": "representation_noise", "radius": 0.5, "every": 2},), 1, -9.0),
        (({"kind": "image_transforms"},), 2, 99.0),
    ],
)
def test_the_estimate_is_what_making_takes(
    untrained_llava: Path,
    tmp_path: Path,
    terms: tuple[dict[str, object], ...],
    attempts: int,
    minimum_z: float,
) -> None:
    recipe = with_terms(*terms, attempts=attempts, minimum_z=minimum_z)
    roster = little(untrained_llava)
    plan = Plan(
        roster=roster,
        suspects=roster.suspects,
        methods=(("small", recipe),),
        prompts=PROMPTS,
        triggers=3,
        image_attacks=("none",),
        batch_size=2,
    )
    vlm = Vlm.load(untrained_llava, device="cpu")
    with metered(vlm) as meter:
        make_fingerprint(
            vlm,
            pictures(3),
            recipe=recipe,
            out=tmp_path / "fp",
            prompts=PROMPTS,
            keys=KEYS,
            batch_size=2,
        )
    least, most = plan.gradient_passes(recipe)
    assert meter.gradient_passes == (least if attempts == 1 else most)
    assert most == 2 + (least - 2) * attempts
