from typing import Any

import pytest
import torch
from torch import Tensor

from sif.errors import ModelError
from sif.fingerprint.objectives.objective import Batch, Targets
from sif.fingerprint.optimize import Schedule, high_pass, optimise, project, to_8_bit
from sif.vlm.model import Vlm

TARGET = torch.linspace(0, 1, 3 * 6 * 6).view(3, 6, 6)


class Nearness:
    """Squared distance to a picture; a real objective without a model."""

    def targets(
        self, vlm: Any, batch: Batch, images: Tensor, step: int, current: Targets | None
    ) -> Targets:
        self.seen = images
        return Targets([[step]] * len(batch))

    def loss(self, vlm: Any, batch: Batch, images: Tensor, targets: Targets) -> Tensor:
        return (images - TARGET).square().sum((1, 2, 3))


def bases(count: int = 2) -> Tensor:
    """Random levels, with many pixels at 0 and at 255."""
    levels = torch.randint(-60, 316, (count, 3, 6, 6), generator=torch.Generator().manual_seed(1))
    return levels.clamp(0, 255).float() / 255


def run(base: Tensor, schedule: Schedule, **changes: Any) -> Tensor:
    number = len(base)
    batch = Batch(
        base=base,
        prompts=("",) * number,
        green=torch.zeros(number, 2, dtype=torch.bool),
        seeds=tuple(range(number)),
    )
    settings: dict[str, Any] = {
        "objective": Nearness(),
        "terms": [],
        "schedule": schedule,
        "measure": lambda images: -(images - TARGET).square().sum((1, 2, 3)),
        "report": lambda step, loss: None,
    }
    return optimise(Vlm(torch.nn.Identity(), None, "none"), batch, **(settings | changes))


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.5, 8.0, 16.0, 200.0, 255.0])
@pytest.mark.parametrize("round_pixels", [True, False])
@pytest.mark.parametrize("check_every", [None, 3])
def test_the_result_lies_on_8_bit_values_within_the_budget(
    epsilon: float, round_pixels: bool, check_every: int | None
) -> None:
    base = bases()
    found = run(
        base,
        Schedule(
            steps=8,
            epsilon=epsilon / 255,
            step_size=7.3 / 255,
            momentum=0.9,
            round_pixels=round_pixels,
            check_every=check_every,
        ),
    )
    levels = 255 * found
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    change = (levels.round() - (255 * base).round()).abs().max()
    assert change <= epsilon
    assert 0 <= found.min() <= found.max() <= 1
    if epsilon >= 1:
        assert change > 0


@pytest.mark.parametrize("check_every", [None, 1])
@pytest.mark.parametrize("spoilt", [float("nan"), float("inf")])
def test_no_picture_comes_of_a_loss_that_is_no_number(
    spoilt: float, check_every: int | None
) -> None:
    class Failing(Nearness):
        def loss(self, vlm: Any, batch: Batch, images: Tensor, targets: Targets) -> Tensor:
            loss = super().loss(vlm, batch, images, targets)
            return loss * torch.tensor([1.0, spoilt if targets.answers == [[2]] * 2 else 1.0])

    schedule = Schedule(steps=5, epsilon=0.1, step_size=0.01, check_every=check_every)
    with pytest.raises(ModelError, match=r"finite loss and gradient, got others in step 3"):
        run(bases(), schedule, objective=Failing())


def test_a_simple_loss_falls_as_far_as_the_budget_lets_it() -> None:
    base, epsilon = bases(), 16 / 255
    losses: list[float] = []
    schedule = Schedule(steps=30, epsilon=epsilon, step_size=1 / 255)
    found = run(base, schedule, report=lambda step, loss: losses.append(loss))
    best = torch.min(torch.max(TARGET.expand_as(base), base - epsilon), base + epsilon)
    assert (found - best).abs().max() <= 1.51 / 255
    assert losses[-1] < losses[0]
    assert len(losses) == 30


def test_the_gradient_is_taken_at_8_bit_values_where_the_schedule_says_so() -> None:
    for round_pixels in (True, False):
        objective = Nearness()
        schedule = Schedule(
            steps=3, epsilon=16 / 255, step_size=0.7 / 255, round_pixels=round_pixels
        )
        run(bases(), schedule, objective=objective)
        levels = 255 * objective.seen
        assert torch.allclose(levels, levels.round(), atol=1e-3) == round_pixels


def test_an_image_does_not_depend_on_the_others_in_its_batch() -> None:
    base = bases(3)
    schedule = Schedule(steps=6, epsilon=16 / 255, step_size=1 / 255, momentum=0.9)
    whole = run(base, schedule)
    for index in range(3):
        assert torch.equal(run(base[index : index + 1], schedule), whole[index : index + 1])


def test_the_best_measured_image_is_kept() -> None:
    signals = iter([torch.tensor([1.0, 0.0]), torch.tensor([0.5, 3.0]), torch.tensor([0.0, 2.0])])
    measured: list[Tensor] = []

    def measure(images: Tensor) -> Tensor:
        measured.append(images.clone())
        return next(signals)

    schedule = Schedule(steps=6, epsilon=16 / 255, step_size=1 / 255, check_every=2)
    found = run(bases(), schedule, measure=measure)
    assert torch.equal(found[0], measured[0][0])
    assert torch.equal(found[1], measured[1][1])


def test_an_optimisation_goes_on_from_its_start() -> None:
    base = bases()
    schedule = Schedule(steps=5, epsilon=16 / 255, step_size=1 / 255)
    halfway = run(base, schedule)
    further = run(base, schedule, start=halfway)
    assert (further - base).abs().max() > 6 / 255
    far_away = run(base, Schedule(steps=1, epsilon=2 / 255, step_size=1 / 255), start=1 - base)
    assert (255 * (far_away - base)).abs().max() <= 2.001


def test_the_step_size_falls_linearly_to_the_last() -> None:
    base = torch.full((1, 3, 6, 6), 0.5).mul(255).round() / 255
    schedule = Schedule(steps=2, epsilon=1.0, step_size=10 / 255, final_step_size=2 / 255)
    target = torch.ones(3, 6, 6)

    class Up(Nearness):
        def loss(self, vlm: Any, batch: Batch, images: Tensor, targets: Targets) -> Tensor:
            return (target - images).sum((1, 2, 3))

    moved = 255 * (run(base, schedule, objective=Up()) - base)
    assert torch.allclose(moved, torch.full_like(moved, 12.0), atol=1e-3)


def test_projection_is_the_nearest_point_of_the_budget_and_of_the_range() -> None:
    base = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1)
    images = torch.tensor([-0.3, 0.9, 0.97]).view(1, 3, 1, 1)
    expected = torch.tensor([0.0, 0.6, 0.97]).view(1, 3, 1, 1)
    assert torch.allclose(project(images, base, 0.1), expected)
    assert torch.equal(project(base, base, 0.0), base)


def test_rounding_never_leaves_the_budget() -> None:
    base = torch.tensor([0.0, 100.0, 255.0]).view(1, 3, 1, 1) / 255
    images = torch.tensor([2.6, 97.4, 252.4]).view(1, 3, 1, 1) / 255
    rounded = 255 * to_8_bit(images, base, 2.6 / 255)
    assert torch.allclose(rounded, torch.tensor([2.0, 98.0, 253.0]).view(1, 3, 1, 1))


def test_high_pass_removes_the_low_band_and_nothing_else() -> None:
    rows, columns = torch.meshgrid(torch.arange(24), torch.arange(24), indexing="ij")
    low = torch.cos(2 * torch.pi * 3 * rows / 24)
    high = torch.cos(2 * torch.pi * (9 * rows + 8 * columns) / 24)
    found = high_pass((low + high).expand(2, 3, 24, 24), 0.53)
    assert torch.allclose(found, high.expand(2, 3, 24, 24), atol=1e-5)


def test_a_tiled_high_pass_treats_every_tile_as_an_image_of_its_own() -> None:
    change = torch.randn(2, 3, 12, 24, generator=torch.Generator().manual_seed(3))
    found = high_pass(change, 0.4, tile=6)
    for top in range(0, 12, 6):
        for left in range(0, 24, 6):
            tile = (..., slice(top, top + 6), slice(left, left + 6))
            assert torch.allclose(found[tile], high_pass(change[tile], 0.4), atol=1e-5)
    assert not torch.allclose(found, high_pass(change, 0.4), atol=0.1)


def test_a_tiled_high_pass_leaves_the_margin_beyond_the_last_tile() -> None:
    change = torch.randn(2, 3, 13, 20, generator=torch.Generator().manual_seed(4))
    found = high_pass(change, 0.4, tile=6)
    assert torch.equal(found[..., :12, :18], high_pass(change[..., :12, :18], 0.4, tile=6))
    assert torch.equal(found[..., 12:, :], change[..., 12:, :])
    assert torch.equal(found[..., 18:], change[..., 18:])
    assert torch.equal(high_pass(change, 0.4, tile=14), high_pass(change, 0.4))


def test_a_minimum_frequency_keeps_the_change_out_of_the_low_band() -> None:
    base = torch.full((1, 3, 6, 6), 0.5).mul(255).round() / 255
    schedule = Schedule(steps=20, epsilon=16 / 255, step_size=2 / 255, minimum_frequency=0.4)
    generator = torch.Generator().manual_seed(2)
    start = (base + (torch.rand(base.shape, generator=generator) - 0.5) / 10).clamp(0, 1)
    found = run(base, schedule, start=start) - base
    low = found - high_pass(found, 0.4)
    assert 0 < found.abs().max() <= 16.001 / 255
    assert low.square().sum() < 0.1 * found.square().sum()
