from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.fingerprint.craft import build_objective, build_schedule, build_term
from sif.recipe import BUILT_IN, Recipe, load_recipe


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_recipes_load_and_build_their_parts(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    build_objective(recipe.objective)
    assert [build_term(term) for term in recipe.robustness]
    assert build_schedule(recipe).epsilon == pytest.approx(16 / 255)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_the_papers_settings_are_the_papers() -> None:
    recipe = load_recipe("sif-paper")
    safd, (noise,) = recipe.objective, recipe.robustness
    assert (safd.watermark_weight, safd.coherence_weight) == (0.5, 0.5)
    assert (safd.top_k, safd.delta, recipe.gamma) == (50, 4.0, 0.5)
    assert (noise.radius, noise.every, noise.reuse) == (0.5, 1, False)
    assert (recipe.schedule.steps, recipe.schedule.step_size) == (1000, 1.0)


def test_the_releases_settings_are_the_releases() -> None:
    recipe = load_recipe("sif-release")
    safd, (noise,) = recipe.objective, recipe.robustness
    assert (safd.watermark_weight, safd.coherence_weight) == (1.0, 0.5)
    assert (safd.top_k, safd.delta, safd.answer_tokens) == (10, 5.0, 96)
    assert (noise.radius, noise.every, noise.reuse) == (0.05, 8, False)
    assert (recipe.schedule.steps, recipe.schedule.check_every) == (500, 100)


def test_fields_of_the_schedule_can_be_replaced() -> None:
    assert load_recipe("sif", steps=7, epsilon=8).schedule.steps == 7


def test_a_recipe_of_ones_own_is_read_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\ndescription: Mine.\n"
        "objective: {watermark_weight: 1, coherence_weight: 0, top_k: 5, delta: 2, "
        "answer_tokens: 9}\nschedule: {steps: 2, epsilon: 8, step_size: 1}\n"
    )
    assert load_recipe(file).objective.answer_tokens == 9
    assert load_recipe(str(file)).robustness == ()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("name: [", "in YAML"),
        ("just words", "recipe"),
        ("- a\n- list", "recipe"),
        ("name: x\ndescription: y\nschedule: 3\n", "recipe"),
        ("name: x\ndescription: y\nsurprise: 1\n", "recipe"),
    ],
)
@pytest.mark.parametrize("changes", [{}, {"steps": 3}])
def test_a_file_that_is_no_recipe_is_one_clear_line(
    tmp_path: Path, content: str, complaint: str, changes: dict[str, int]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(UsageError, match=complaint):
        load_recipe(file, **changes)


@pytest.mark.parametrize("name", ["sif-unknown", "missing.yaml", "recipe.txt"])
def test_an_unknown_recipe_names_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match="sif-paper"):
        load_recipe(name)


def test_impossible_settings_name_the_field() -> None:
    with pytest.raises(UsageError, match=r"schedule\.epsilon"):
        load_recipe("sif", epsilon=-1)
    with pytest.raises(UsageError, match=r"schedule\.steps"):
        load_recipe("sif", steps=0)


def test_a_binary_file_is_no_recipe(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError):
        load_recipe(file)
