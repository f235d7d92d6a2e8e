from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sif.errors import UsageError
from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.fingerprint.recipe import load_recipe
from sif.fingerprint.robustness.parameter_ascent import ParameterAscent
from sif.fingerprint.robustness.resisting_auxiliary import ResistingAuxiliary
from sif.fingerprint.robustness.term import Gradient, StepContext, plain_gradient
from sif.fingerprint.robustness.weight_noise import WeightNoise
from sif.vlm.model import Vlm
from tests.fingerprint.robustness.test_parameter_ascent import Line, is_as_before, snapshot


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def at(line: Line, step: int) -> StepContext:
    return StepContext(Vlm(line, None, "line"), step, (0, 1, 2))


def test_steps_are_those_of_the_equations_and_are_kept(line: Line, images: Tensor) -> None:
    term, before = ResistingAuxiliary(rate=0.1, clip=0.5), snapshot(line)
    rows, matrix = images.flatten(1), line.matrix.detach().clone()
    for step in range(3):
        found = term.around(plain_gradient(line), at(line, step))(images)
        assert torch.allclose(found.loss, (rows @ matrix.T).square().sum(1), rtol=1e-5)
        assert torch.allclose(found.images.flatten(1), 2 * rows @ matrix.T @ matrix, rtol=1e-4)
        matrix += 0.1 * (2 * (matrix @ rows.T) @ rows / 3).clamp(-0.5, 0.5)
        assert is_as_before(line, before)


def test_it_learns_in_every_nth_step_and_anew_from_step_0(line: Line, images: Tensor) -> None:
    term = ResistingAuxiliary(rate=0.1, clip=0.5, every=2)
    losses = [
        float(term.around(plain_gradient(line), at(line, step))(images).loss.sum())
        for step in (0, 1, 2, 3, 0)
    ]
    assert losses[0] == losses[1] == losses[4]
    assert losses[0] < losses[2] == losses[3]


def test_terms_inside_it_meet_the_auxiliary(line: Line, images: Tensor) -> None:
    term, before = ResistingAuxiliary(rate=0.1, clip=0.5), snapshot(line)
    losses = []
    for step in range(2):
        inner = ParameterAscent(rate=0.1, clip=0.5).around(plain_gradient(line), at(line, step))
        losses.append(inner(images).loss.sum())
        losses.append(term.around(inner, at(line, step))(images).loss.sum())
    assert losses[0] == losses[1]
    assert losses[3] > losses[2]
    assert is_as_before(line, before)


def test_it_begins_as_the_owners_whatever_a_term_around_it_does(line: Line, images: Tensor) -> None:
    owners = plain_gradient(line)(images)
    inner = ResistingAuxiliary(rate=0.1).around(plain_gradient(line), at(line, 0))
    found = WeightNoise(scale=1.0).around(inner, at(line, 0))(images)
    assert torch.equal(found.loss, owners.loss)
    assert torch.equal(found.images, owners.images)


def test_it_learns_once_a_step_where_a_term_around_it_takes_two_passes(
    line: Line, images: Tensor
) -> None:
    once, twice = ResistingAuxiliary(rate=0.1, clip=0.5), ResistingAuxiliary(rate=0.1, clip=0.5)
    for step in range(2):
        gradient = once.around(plain_gradient(line), at(line, step))
        expected = gradient(images)
        again = twice.around(plain_gradient(line), at(line, step))
        assert torch.equal(again(images).loss, expected.loss)
        again(images)


@pytest.mark.parametrize("fault", [FloatingPointError, KeyboardInterrupt])
def test_the_owners_weights_stay_when_a_pass_fails_or_is_interrupted(
    line: Line, images: Tensor, fault: type[BaseException]
) -> None:
    before, term = snapshot(line), ResistingAuxiliary(rate=0.1, clip=0.5)
    term.around(plain_gradient(line), at(line, 0))(images)

    def broken(batch: Tensor) -> Gradient:
        plain_gradient(line)(batch)
        raise fault

    with pytest.raises(fault):
        term.around(broken, at(line, 1))(images)
    assert is_as_before(line, before)


def test_a_loss_without_parameters_is_an_error(line: Line, images: Tensor) -> None:
    pixels_only: Callable[[Tensor], Tensor] = lambda batch: batch.sum((1, 2, 3))  # noqa: E731
    with pytest.raises(RuntimeError, match="depends on the parameters"):
        ResistingAuxiliary(rate=0.1).around(plain_gradient(pixels_only), at(line, 0))(images)


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Iterator[Vlm]:
    folder: Path = request.getfixturevalue(request.param)
    yield Vlm.load(folder, device="cpu")


def test_the_auxiliary_of_a_real_model_raises_the_words_loss_alone(vlm: Vlm) -> None:
    batch = Batch(
        base=torch.rand(1, 3, 72, 72, generator=torch.Generator().manual_seed(2)),
        prompts=("What is it?",),
        green=torch.zeros(1, 4, dtype=torch.bool),
        seeds=(0,),
        target_answers=("maple archive",),
    )
    before, found = snapshot(vlm.model), {}
    for weight in (0.0, 0.5):
        objective = TargetAnswer(semantic_weight=weight)
        targets = objective.targets(vlm, batch, batch.base, 0, None)
        words = TargetAnswer()
        term = ResistingAuxiliary(rate=0.1)
        losses = []
        for step in range(4):

            def loss(images: Tensor) -> Tensor:
                losses.append(float(words.loss(vlm, batch, images, targets).detach().sum()))  # noqa: B023
                return objective.loss(vlm, batch, images, targets)  # noqa: B023

            term.around(plain_gradient(loss), StepContext(vlm, step, (0,)))(batch.base)
        assert losses == sorted(losses)
        assert losses[-1] > losses[0] + 0.01
        assert is_as_before(vlm.model, before)
        found[weight] = losses
    assert found[0.0] == pytest.approx(found[0.5], abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("every: 1", "every: 0", "every"),
        ("rate:", "speed:", "rate"),
        ("semantic_weight: ", "semantic_weight: -", "semantic_weight"),
        ("rate: 1.0e-5", "rate: true", "not true or false"),
        ("rate: 1.0e-5", "rate: .inf", "rate: input should be a finite number"),
        ("rate: 1.0e-5", "rate: 0", "rate: input should be greater than 0"),
        ("steps: 1000", "steps: 0", "steps: input should be greater"),
        *(
            (
                "  - {kind: resisting",
                f"  - {{kind: {kind}}}\n  - {{kind: resisting",
                f"{kind} behind resisting_auxiliary.*put resisting_auxiliary first",
            )
            for kind in ("weight_noise", "simulated_copies", "parameter_ascent")
        ),
        (
            "  - {kind: resisting",
            "  - {kind: resisting_auxiliary, rate: 1}\n  - {kind: resisting",
            "resisting_auxiliary once",
        ),
    ],
)
def test_a_faulty_recipe_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    import sif.fingerprint.recipes as recipes

    text = (Path(next(iter(recipes.__path__))) / "agdi.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "mine.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        load_recipe(tmp_path / "mine.yaml")
