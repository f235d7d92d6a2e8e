from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.eval.study import read_settings
from sif.eval.triggers.meter import metered
from sif.eval.triggers.method import Method
from sif.eval.triggers.plan import Plan, TriggerSettings, passes_of_a_step, plans
from sif.eval.triggers.study import STUDY
from sif.fingerprint.make import make_fingerprint
from sif.fingerprint.recipe import Recipe, load_recipe
from sif.vlm.model import Vlm
from tests.eval.triggers.lists import content, entry, little, plan_of, write
from tests.fingerprint.small import KEYS, PROMPTS, pictures, small_recipe


def test_choices_go_over_those_of_the_roster() -> None:
    roster = little("a/b", entry("x", "hf:a/c"), entry("y", "hf:a/d", set_aside="not ours"))
    plan = plan_of(roster)
    assert (plan.triggers, [method.name for method in plan.methods]) == (2, ["sif"])
    assert [listed.name for listed in plan.asked] == ["source", "x"]
    plan = plan_of(
        roster,
        methods=["sif", "sif-release"],
        suspects=["x"],
        image_attacks=["none", "jpeg:75", "noise:4"],
        triggers=5,
        steps=7,
    )
    assert plan.questions == 2 * 5 * 3
    assert [method.recipe.schedule.steps for method in plan.methods] == [7, 7]
    assert [listed.name for listed in plan.suspects] == ["x"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": ["magic"]}, "magic"),
        ({"image_attacks": ["flip"]}, "flip"),
        ({"suspects": ["z"]}, "'z'"),
        ({"methods": ["sif", "sif@"]}, "sif@"),
    ],
)
def test_what_cannot_be_done_is_refused(changes: dict[str, list[str]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_of(little(), **changes)


def test_unknown_prompts_are_refused_with_the_roster_named() -> None:
    with pytest.raises(UsageError, match=r"little: prompts: .*ordinary.*rude"):
        little(prompts="rude")


def test_methods_may_have_changed_schedules() -> None:
    plan = plan_of(little(), methods=["sif@steps=9", "sif"], steps=7)
    assert [(m.name, m.recipe.schedule.steps) for m in plan.methods] == [
        ("sif@steps=9", 9),
        ("sif", 7),
    ]


def with_terms(
    *terms: dict[str, object], attempts: int = 1, minimum_z: float = -9.0, **changes: object
) -> Recipe:
    recipe = small_recipe(attempts=attempts, minimum_z=minimum_z).model_dump()
    return Recipe.model_validate(recipe | {"robustness": terms} | changes)


GREEN_MASS = {"kind": "green_mass", "answer_tokens": 6, "refresh_every": 2}


def test_a_step_costs_twice_for_every_term_that_looks_twice() -> None:
    noise = {"kind": "representation_noise", "radius": 0.5}
    assert passes_of_a_step(with_terms()) == 1
    assert passes_of_a_step(with_terms(noise)) == 2
    assert passes_of_a_step(with_terms(noise | {"reuse": True})) == 1
    assert passes_of_a_step(with_terms({"kind": "parameter_ascent"}, noise)) == 4
    assert [passes_of_a_step(load_recipe(name)) for name in ("sif", "sif-release")] == [1, 2]


def test_triggers_are_made_alone_where_a_term_moves_the_parameters_they_share() -> None:
    plan = plan_of(little(), triggers=6, batch=4)
    alone, shared = (with_terms({"kind": it}) for it in ("parameter_ascent", "weight_noise"))
    assert [plan.batch(it) for it in (with_terms(), shared, alone)] == [4, 4, 1]
    assert plan.gradient_passes(alone).least == 2 + 6 * 3 * 2


@pytest.mark.parametrize(
    ("recipe", "least"),
    [
        (with_terms(), True),
        (with_terms({"kind": "representation_noise", "radius": 0.5, "every": 2}), True),
        (with_terms({"kind": "image_transforms"}, attempts=2, minimum_z=99.0), False),
        (with_terms({"kind": "simulated_copies", "plain": 0.0}, objective=GREEN_MASS), True),
        (with_terms({"kind": "parameter_ascent"}), True),
    ],
)
def test_the_estimate_is_what_making_takes(
    untrained_llava: Path,
    tmp_path: Path,
    recipe: Recipe,
    least: bool,
) -> None:
    roster = little(untrained_llava)
    plan = Plan(
        roster=roster,
        suspects=tuple(roster.suspects),
        methods=(Method(name="small", recipe=recipe),),
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
            batch_size=plan.batch(recipe),
        )
    passes = plan.gradient_passes(recipe)
    assert meter.gradient_passes == (passes.least if least else passes.most)
    assert passes.most == 2 + (passes.least - 2) * recipe.quality.attempts


def test_without_a_roster_it_is_the_mini_families_and_with_one_its_file(tmp_path: Path) -> None:
    mini = plans(TriggerSettings(families=("llava",), seed=3))
    assert [plan.roster.name for plan in mini] == ["llava"]
    assert (mini[0].triggers, mini[0].seeds, mini[0].batch_size) == (24, (3, 4, 5), 12)
    (real,) = plans(TriggerSettings(roster=str(write(tmp_path / "l.yaml", content()))))
    assert (real.roster.name, real.triggers, real.seeds, real.batch_size) == ("little", 2, (0,), 8)


def test_no_attack_on_images_is_an_attack_by_that_name() -> None:
    settings = read_settings(STUDY, ["image-attacks=none", "families=llava"])
    assert [plan.image_attacks for plan in plans(settings)] == [("none",)]
