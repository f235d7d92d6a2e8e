from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sif.errors import ModelError
from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.fingerprint.robustness.parameter_ascent import ParameterAscent
from sif.fingerprint.robustness.term import Gradient, StepContext, plain_gradient
from sif.vlm.model import Vlm


class Line(nn.Module):
    """A matrix, one weight that the loss does not depend on, and a count that is no float."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.matrix = nn.Parameter(torch.randn(5, 12, generator=generator))
        self.idle = nn.Parameter(torch.ones(3))
        self.count = nn.Parameter(torch.tensor([7]), requires_grad=False)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        return (images.flatten(1) @ self.matrix.T).square().sum(1)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def context(model: nn.Module, batch: int) -> StepContext:
    return StepContext(Vlm(model, None, "line"), 0, tuple(range(batch)))


def snapshot(model: nn.Module) -> list[tuple[Tensor, bool, Tensor | None]]:
    return [(p.detach().clone(), p.requires_grad, p.grad) for p in model.parameters()]


def is_as_before(model: nn.Module, before: list[tuple[Tensor, bool, Tensor | None]]) -> bool:
    return all(
        torch.equal(p, values) and p.requires_grad == required and p.grad is gradient
        for p, (values, required, gradient) in zip(model.parameters(), before, strict=True)
    )


@pytest.mark.parametrize("clip", [0.5, 1e3])
def test_the_gradient_is_that_of_the_equations_written_out(
    line: Line, images: Tensor, clip: float
) -> None:
    term = ParameterAscent(rate=0.1, clip=clip)
    found = term.around(plain_gradient(line), context(line, 3))(images)
    rows = images.flatten(1)
    slope = 2 * (line.matrix @ rows.T) @ rows / 3
    assert (slope.abs() > 0.5).any()
    assert (slope.abs() < 0.5).any()
    moved = line.matrix + 0.1 * slope.clamp(-clip, clip)
    expected = (rows @ moved.T).square().sum(1)
    assert torch.allclose(found.loss, expected, rtol=1e-5)
    assert torch.allclose(found.images.flatten(1), 2 * rows @ moved.T @ moved, rtol=1e-4)


def test_the_ascent_makes_the_loss_worse_and_costs_two_passes(line: Line, images: Tensor) -> None:
    passes: list[bool] = []

    def loss(batch: Tensor) -> Tensor:
        passes.append(line.matrix.requires_grad)
        return line(batch)

    raised = ParameterAscent().around(plain_gradient(loss), context(line, 3))(images)
    assert passes == [True, False]
    assert (raised.loss > plain_gradient(line)(images).loss).all()


def test_parameters_are_put_back_bit_for_bit(line: Line, images: Tensor) -> None:
    before = snapshot(line)
    term = ParameterAscent(rate=0.3, clip=1.0)
    first = term.around(plain_gradient(line), context(line, 3))(images)
    assert is_as_before(line, before)
    again = term.around(plain_gradient(line), context(line, 3))(images)
    assert torch.equal(first.images, again.images)


@pytest.mark.parametrize("failing", [1, 2])
def test_parameters_are_put_back_when_a_pass_raises(
    line: Line, images: Tensor, failing: int
) -> None:
    before, passes = snapshot(line), 0

    def broken(batch: Tensor) -> Gradient:
        nonlocal passes
        passes += 1
        result = plain_gradient(line)(batch)
        if passes == failing:
            raise FloatingPointError("no loss")
        return result

    with pytest.raises(FloatingPointError):
        ParameterAscent(rate=0.3, clip=1.0).around(broken, context(line, 3))(images)
    assert passes == failing
    assert is_as_before(line, before)


def test_a_loss_without_parameters_is_an_error(line: Line, images: Tensor) -> None:
    pixels_only: Callable[[Tensor], Tensor] = lambda batch: batch.sum((1, 2, 3))  # noqa: E731
    with pytest.raises(RuntimeError, match="depends on the parameters"):
        ParameterAscent().around(plain_gradient(pixels_only), context(line, 3))(images)


def test_a_model_without_floating_parameters_is_refused() -> None:
    with pytest.raises(ModelError, match="unquantised"):
        ParameterAscent().around(plain_gradient(lambda x: x.sum()), context(nn.Identity(), 1))


@pytest.fixture(params=["untrained_llava", "untrained_qwen"])
def vlm(request: pytest.FixtureRequest) -> Iterator[Vlm]:
    folder: Path = request.getfixturevalue(request.param)
    yield Vlm.load(folder, device="cpu")


def test_a_real_model_is_put_back_and_its_loss_raised(vlm: Vlm) -> None:
    batch = Batch(
        base=torch.rand(2, 3, 72, 72, generator=torch.Generator().manual_seed(2)),
        prompts=("Naming the quiet harbour.", "What is it?"),
        green=torch.zeros(2, 4, dtype=torch.bool),
        seeds=(0, 1),
        target_answers=("velvet compass", "maple archive"),
    )
    objective = TargetAnswer()
    targets = objective.targets(vlm, batch, batch.base, 0, None)
    plain = plain_gradient(lambda images: objective.loss(vlm, batch, images, targets))
    before = snapshot(vlm.model)
    where = StepContext(vlm, 0, batch.seeds)
    raised = ParameterAscent().around(plain, where)(batch.base)
    assert is_as_before(vlm.model, before)
    untouched = plain(batch.base)
    assert (raised.loss > untouched.loss).all()
    assert (raised.loss - untouched.loss < 0.1).all()
    assert not torch.equal(raised.images, untouched.images)
