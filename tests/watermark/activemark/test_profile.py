import pytest
import torch

from sif.errors import UsageError
from sif.watermark.activemark.profile import largest_activations, profile_of


def test_the_largest_activations_count_by_absolute_value_image_by_image() -> None:
    hidden = torch.zeros(2, 3, 4)
    hidden[0, 1, 2], hidden[0, 2, 0] = -9.0, 3.0
    hidden[1, 0, 0] = 1.0
    assert largest_activations(hidden, top=2).tolist() == [6.0, 0.5]


def test_fewer_activations_than_asked_for_are_all_averaged() -> None:
    assert largest_activations(torch.ones(1, 1, 3), top=9).tolist() == [1.0]


def test_the_expressive_block_is_where_they_explode() -> None:
    found = profile_of([2.0, 3.0, 60.0, 61.0, 70.0])
    assert found.block == 2
    assert found.jumps == pytest.approx((1.0, 1.5, 20.0, 61 / 60, 70 / 61))


def test_the_last_block_is_never_chosen() -> None:
    assert profile_of([1.0, 1.1, 50.0]).block == 1


def test_a_shallow_tower_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 3 blocks, got 2"):
        profile_of([1.0, 2.0])
