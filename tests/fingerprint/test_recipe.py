from pathlib import Path

import pytest
import torch

from sif.errors import UsageError
from sif.fingerprint.craft import build_objective, build_schedule, build_term
from sif.fingerprint.images import NamedImage
from sif.fingerprint.make import make_fingerprint
from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.fingerprint.optimize import optimise
from sif.fingerprint.recipe import BUILT_IN, Recipe, load_recipe
from sif.fingerprint.robustness.input_diversity import InputDiversity
from sif.fingerprint.robustness.parameter_ascent import ParameterAscent
from sif.fingerprint.robustness.resisting_auxiliary import ResistingAuxiliary
from sif.fingerprint.robustness.text_embedding_noise import TextEmbeddingNoise
from sif.fingerprint.robustness.weight_noise import WeightNoise
from sif.prompts import load_targets
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_images

BASELINES = {
    "ordinary": [],
    "pla": [ParameterAscent(rate=1e-4, clip=5e-3)],
    "rna": [WeightNoise(scale=1e-4)],
    "cropa": [TextEmbeddingNoise(step_size=0.01, steps=300, every=30)],
    "difgsm": [InputDiversity(probability=0.5, pixels=30, side=336)],
    "agdi": [ResistingAuxiliary(rate=1e-5)],
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_recipes_load_and_build_their_parts(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    build_objective(recipe.objective)
    assert len([build_term(term) for term in recipe.robustness]) == len(recipe.robustness)
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


@pytest.mark.parametrize("name", BASELINES)
def test_the_baselines_settings_are_the_releases(name: str) -> None:
    recipe = load_recipe(name)
    assert isinstance(build_objective(recipe.objective), TargetAnswer)
    assert [build_term(term) for term in recipe.robustness] == BASELINES[name]
    schedule = recipe.schedule
    assert (schedule.steps, schedule.epsilon, schedule.step_size) == (1000, 16.0, 1.0)
    assert schedule.momentum == (1.0 if name == "difgsm" else 0.0)


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Vlm:
    folder: Path = request.getfixturevalue(request.param)
    return Vlm.load(folder, device="cpu")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_recipe_takes_two_steps_on_a_model(vlm: Vlm, name: str) -> None:
    recipe = load_recipe(name, steps=2)
    if recipe.objective.kind in ("safd", "green_mass", "keyed_target"):
        short = recipe.objective.model_copy(update={"answer_tokens": 4})
        recipe = recipe.model_copy(update={"objective": short})
    questions, answers = zip(*load_targets()[:2], strict=True)
    generator = torch.Generator().manual_seed(1)
    base = torch.randint(0, 256, (2, 3, 72, 72), generator=generator) / 255
    batch = Batch(
        base=base,
        prompts=questions,
        green=torch.rand(2, vlm.vocabulary_size, generator=generator) < recipe.gamma,
        seeds=(3, 4),
        target_answers=answers,
    )
    weights = {name: value.clone() for name, value in vlm.model.named_parameters()}
    losses: list[float] = []
    images = optimise(
        vlm,
        batch,
        objective=build_objective(recipe.objective),
        terms=[build_term(term) for term in recipe.robustness],
        schedule=build_schedule(recipe),
        measure=lambda images: torch.zeros(len(images)),
        report=lambda step, loss: losses.append(loss),
    )
    change = 255 * (images - base)
    assert 0 < change.abs().max() <= 16.001
    assert (change.abs() > 0.5).float().mean() > 0.3
    assert len(losses) == 2
    # An untrained model finds every word equally plausible: green mass starts at nothing to change.
    assert all(-1e-5 < loss < 100 for loss in losses)
    assert all(torch.equal(value, weights[name]) for name, value in vlm.model.named_parameters())


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_makes_no_fingerprint_and_leaves_no_folder(
    untrained_llava: Path, tmp_path: Path, name: str
) -> None:
    (picture,) = to_images(torch.zeros(1, 3, 72, 72))
    with pytest.raises(
        UsageError, match=f"safd or green_mass, got {name} with target_answer"
    ) as caught:
        make_fingerprint(
            Vlm.load(untrained_llava, device="cpu"),
            [NamedImage(name="black", image=picture)],
            recipe=load_recipe(name),
            out=tmp_path / "fp",
            prompts=["What is it?"],
        )
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_objective_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\ndescription: Mine.\nobjective: {kind: bribery}\n"
        "schedule: {steps: 2, epsilon: 8, step_size: 1}\n"
    )
    with pytest.raises(UsageError, match="'safd', 'green_mass', 'target_answer'"):
        load_recipe(file)


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
        ("", "nothing in it"),
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
