from typing import Any

import numpy as np
import pytest

from sif.errors import UsageError
from sif.watermark.greenlist.published import published_green_mask


def test_the_previous_token_changes_a_simple_1_list() -> None:
    one, other = (
        published_green_mask("simple_1", vocabulary_size=1000, gamma=0.5, previous=previous)
        for previous in (1, 2)
    )
    assert not np.array_equal(one, other)


def test_simple_0_is_simple_1_after_token_1() -> None:
    constant = published_green_mask("simple_0", vocabulary_size=1000, gamma=0.5)
    after = published_green_mask("simple_1", vocabulary_size=1000, gamma=0.5, previous=1)
    assert np.array_equal(constant, after)


def test_the_released_floor_is_that_of_floating_point() -> None:
    mask = published_green_mask("simple_0", vocabulary_size=100, gamma=0.29)
    assert int(mask.sum()) == 28


def test_torchs_own_random_state_is_left_alone() -> None:
    import torch

    before = torch.get_rng_state()
    published_green_mask("simple_0", vocabulary_size=100, gamma=0.5)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("scheme", "settings"),
    [
        ("simple_0", {"previous": 3}),
        ("simple_1", {}),
        ("simple_0", {"gamma": 0.0}),
        ("simple_0", {"gamma": 1.0}),
        ("simple_0", {"vocabulary_size": 0}),
    ],
)
def test_settings_that_make_no_sense_are_refused(scheme: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"expected|needs"):
        published_green_mask(scheme, **{"vocabulary_size": 100, "gamma": 0.5, **settings})
