from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from sif.attacks.weights.task_vectors import cutoff, interpolate, merge_agreeing, trim


def _parts(seed: int = 0) -> list[Tensor]:
    """Tensors of several shapes and magnitudes, without repeated values."""
    generator = torch.Generator().manual_seed(seed)
    shapes, scales = [(7, 11), (), (5,), (2, 3, 4)], [1.0, 1e-3, 100.0, 1e-12]
    return [
        torch.randn(shape, generator=generator) * scale
        for shape, scale in zip(shapes, scales, strict=True)
    ]


def test_a_quarter_of_the_way_is_three_quarters_of_the_first() -> None:
    mixed = interpolate(torch.tensor([4.0, 0.0]), torch.tensor([0.0, 8.0]), weight=0.25)
    torch.testing.assert_close(mixed, torch.tensor([3.0, 2.0]))


@pytest.mark.parametrize("density", [0.01, 0.2, 0.5, 0.99, 1.0])
def test_the_cutoff_is_the_magnitude_of_that_rank_over_all_tensors(density: float) -> None:
    parts = _parts()
    ranked = torch.cat([part.abs().flatten() for part in parts]).sort(descending=True).values
    expected = ranked[round(density * len(ranked)) - 1]
    assert cutoff(lambda: parts, density=density) == expected.item()


def test_at_least_one_value_is_kept() -> None:
    assert cutoff(lambda: [torch.tensor([1.0, -3.0, 2.0])], density=1e-9) == 3.0


def test_equal_and_zero_magnitudes_have_a_cutoff_too() -> None:
    assert cutoff(lambda: [torch.tensor([2.0, -2.0, 2.0, 0.0])], density=0.5) == 2.0
    assert cutoff(lambda: [torch.tensor([2.0, 0.0, 0.0, 0.0])], density=0.5) == 0.0


def test_tensors_are_asked_for_twice_and_never_held_together() -> None:
    asked = []

    def give() -> Iterator[Tensor]:
        for part in _parts():
            asked.append(part.shape)
            yield part

    cutoff(give, density=0.3)
    assert len(asked) == 2 * len(_parts())


def test_each_model_is_trimmed_by_its_own_cutoff() -> None:
    tasks = torch.tensor([[[1.0, -2.0], [3.0, -4.0]], [[1.0, -2.0], [3.0, -4.0]]])
    expected = torch.tensor([[[0.0, -2.0], [3.0, -4.0]], [[0.0, 0.0], [0.0, -4.0]]])
    assert torch.equal(trim(tasks, [2.0, 3.5]), expected)


@pytest.mark.parametrize(
    ("values", "merged"),
    [
        ((2.0, 4.0), 3.0),
        ((3.0, -1.0), 3.0),
        ((1.0, -3.0), -3.0),
        ((0.0, -3.0), -3.0),
        ((0.0, 0.0), 0.0),
        ((2.0, -2.0), 0.0),
        ((2.0, -2.0, 0.0), 0.0),
        ((0.0, 1.0, 2.0), 1.5),
        ((1.0, 2.0, -2.5), 1.5),
        ((-1.0, -2.0, 2.5), -1.5),
    ],
)
def test_those_with_the_sign_of_the_sum_are_averaged(
    values: tuple[float, ...], merged: float
) -> None:
    tasks = torch.tensor(values)[:, None]
    assert merge_agreeing(tasks).tolist() == [merged]
